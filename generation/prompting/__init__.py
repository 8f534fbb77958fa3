"""The text that a model reads: prompt, presets, brand rules, references by role."""

from generation.prompting import brand_rules, compose, preset_validation, presets
from generation.prompting.brand_rules import brand_rules_of

__all__ = ["brand_rules", "brand_rules_of", "compose", "preset_validation", "presets"]
