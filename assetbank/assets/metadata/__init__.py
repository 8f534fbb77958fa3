"""What is said about an asset beyond its file: custom fields of a brand, and metadata as CSV."""

from assetbank.assets.metadata import csv, custom_fields, field_definitions, value_changes

__all__ = ["csv", "custom_fields", "field_definitions", "value_changes"]
