"""Brand checks of generated pictures, and people's verdicts on them."""

from generation.review import inspect, ocr, verdicts

__all__ = ["inspect", "ocr", "verdicts"]
