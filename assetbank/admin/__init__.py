"""The admin of the library. `search` adds its own columns and actions to assets."""

from assetbank.admin import assets, brands, notifications, users

__all__ = ["assets", "brands", "notifications", "users"]
