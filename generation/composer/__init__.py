"""The studio's page before a request is submitted: references, form, suggestions, reuse."""

from generation.composer import form_state, reuse, suggestions, tray

__all__ = ["form_state", "reuse", "suggestions", "tray"]
