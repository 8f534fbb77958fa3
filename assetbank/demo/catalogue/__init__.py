"""The demo catalogue: its assets, their wording and rights."""

from assetbank.demo.catalogue import assets

__all__ = ["assets"]
