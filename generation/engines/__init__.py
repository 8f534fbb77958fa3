"""Image models: request and response types, the catalogue of models, one package per engine."""

from generation.engines import catalog, dispatch, quotas, reference_images
from generation.engines.base import Drawing, DrawnImage, DrawRequest, Exchange, ReferenceImage

__all__ = [
    "DrawRequest", "Drawing", "DrawnImage", "Exchange", "ReferenceImage", "catalog", "dispatch",
    "quotas", "reference_images",
]  # fmt: skip
