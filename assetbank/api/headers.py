"""Headers of the response to an upload, in the OpenAPI schema."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

DUPLICATE = OpenApiParameter(
    "Duplicate",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`true`: the brand already has an asset with the same bytes; no asset was added.",
    response=[200],
)
EARLIER_VERSION = OpenApiParameter(
    "Duplicate-Version",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    description="With `Duplicate`: the bytes are those of this earlier version of the asset.",
    response=[200],
)
ALSO_IN = OpenApiParameter(
    "Also-In",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Slugs of your other brands that have the same bytes, separated by commas.",
    response=[200, 201],
)
