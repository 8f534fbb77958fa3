"""The text that a model reads: prompt, presets, brand rules, references by role."""

from generation.prompting import brand_rules, compose, presets

__all__ = ["brand_rules", "compose", "presets"]
