"""Brand checks of generated images, and users' verdicts on them."""

from generation.review import inspect, ocr, verdicts

__all__ = ["inspect", "ocr", "verdicts"]
