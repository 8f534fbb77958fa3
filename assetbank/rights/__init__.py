"""Usage rights of an asset, and the provenance of its file."""

from assetbank.rights import content_credentials, provenance, terms
from assetbank.rights.content_credentials import Credentials, parse_credentials
from assetbank.rights.provenance import (
    MADE_WITH_AI,
    check_source_type,
    check_source_type_claim,
    embed_xmp,
    read_source_type,
)

__all__ = [
    "MADE_WITH_AI", "Credentials", "check_source_type", "check_source_type_claim",
    "content_credentials", "embed_xmp", "parse_credentials", "provenance", "read_source_type",
    "terms",
]  # fmt: skip
