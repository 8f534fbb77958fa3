"""Who changed what, and when: reads the events that PostgreSQL's triggers store."""

from assetbank.history.changes import (
    PAGE,
    Change,
    FieldChange,
    changes_of,
    field_values,
    find_change,
)
from assetbank.history.revert import revert_change, reverted_values

__all__ = [
    "PAGE", "Change", "FieldChange", "changes_of", "field_values", "find_change", "revert_change",
    "reverted_values",
]  # fmt: skip
