"""Full prompts for models: the user's prompt, presets, brand rules, references by role."""

from generation.prompting import brand_rules, compose, presets
from generation.prompting.brand_rules import brand_rules_of

__all__ = ["brand_rules", "brand_rules_of", "compose", "presets"]
