"""Google's image models. The only package that imports google.genai."""

from generation.engines.gemini import batch_api, client, turns
from generation.engines.gemini.json_fields import Json

__all__ = ["Json", "batch_api", "client", "turns"]
