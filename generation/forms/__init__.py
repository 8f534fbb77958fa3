"""Forms of the studio's pages."""

from generation.forms.matrix import MatrixForm
from generation.forms.refine import RefineForm
from generation.forms.studio import COUNTS, HistoryForm, StudioForm, defaults, prompt_contains

__all__ = [
    "COUNTS", "HistoryForm", "MatrixForm", "RefineForm", "StudioForm", "defaults",
    "prompt_contains",
]  # fmt: skip
