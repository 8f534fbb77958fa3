"""The admin of the library. `search` puts its columns and actions onto assets from outside."""

from assetbank.admin import assets, brands, notices, people

__all__ = ["assets", "brands", "notices", "people"]
