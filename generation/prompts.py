"""From what a person wrote to what a model reads."""

from __future__ import annotations

from collections.abc import Sequence

from assetbank.models import Brand


def compose(*, prompt: str, brand: Brand, references: Sequence[str]) -> str:
    """The prompt, the references by number and name, and the brand's rules.

    `references` are titles, in the order in which the pictures are sent.
    """
    parts = [prompt.strip()]
    if references:
        named = "\n".join(f"Image {n}: {title}" for n, title in enumerate(references, start=1))
        parts.append(
            "Keep the products in these reference images true to their shape, material, colour "
            f"and details:\n{named}"
        )
    if brand.style.strip():
        parts.append(f"Style of the brand {brand.name}: {brand.style.strip()}")
    if brand.palette:
        parts.append(f"Palette of the brand: {', '.join(brand.palette)}.")
    return "\n\n".join(parts)
