"""The studio before a generation is submitted: references, form state, suggestions, reuse."""

from generation.composer import form_state, reuse, suggestions, tray

__all__ = ["form_state", "reuse", "suggestions", "tray"]
