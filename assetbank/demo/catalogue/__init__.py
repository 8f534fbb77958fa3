"""The demo catalogue: which assets there are, their wording and rights."""

from assetbank.demo.catalogue import assets

__all__ = ["assets"]
