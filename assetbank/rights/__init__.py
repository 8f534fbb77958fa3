"""Usage rights of an asset, and its provenance."""

from assetbank.rights import content_credentials, provenance, terms

__all__ = ["content_credentials", "provenance", "terms"]
