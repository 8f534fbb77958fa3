"""Whether an asset may be used, and how it was made."""

from assetbank.rights import content_credentials, provenance, terms

__all__ = ["content_credentials", "provenance", "terms"]
