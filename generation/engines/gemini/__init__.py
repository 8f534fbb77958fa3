"""Google's image models: the only package that imports google.genai."""

from generation.engines.gemini import batch_api, client, turns

__all__ = ["batch_api", "client", "turns"]
