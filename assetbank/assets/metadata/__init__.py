"""What is said about an asset beyond its bytes: by its file, titles, custom fields, CSV."""

from assetbank.assets.metadata import (
    csv,
    custom_fields,
    field_definitions,
    from_file,
    value_changes,
)
from assetbank.assets.metadata.titles import MACHINE_NAME, is_machine_name, says_nothing, title_for

__all__ = [
    "MACHINE_NAME", "csv", "custom_fields", "field_definitions", "from_file", "is_machine_name",
    "says_nothing", "title_for", "value_changes",
]  # fmt: skip
