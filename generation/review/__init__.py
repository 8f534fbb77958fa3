"""Review of outputs: automatic brand checks, and the verdicts of users."""

from generation.review import inspect, ocr, verdicts

__all__ = ["inspect", "ocr", "verdicts"]
