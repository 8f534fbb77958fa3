"""The admin of the library. `search` puts its columns and actions onto assets from outside."""

from assetbank.admin import assets, brands, notifications, users

__all__ = ["assets", "brands", "notifications", "users"]
