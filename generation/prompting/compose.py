"""Composes the full prompt: the user's prompt, the references that the model accepts, in order and
with their roles, and the brand's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assetbank.assets.metadata import says_nothing
from assetbank.models import Brand
from generation.models import BrandRules, EngineModel, Role

# Roles by importance: if a model does not accept all references, the last ones are left out first
PRIORITY = [
    Role.PRODUCT.value,
    Role.CHARACTER.value,
    Role.OUTFIT.value,
    Role.LOGO.value,
    "",
    Role.BACKGROUND.value,
    Role.STYLE.value,
]
INSTRUCTIONS = {
    Role.PRODUCT: "Keep its shape, material, colour and every detail exactly as they are.",
    Role.CHARACTER: "This is who is shown: keep the face, hair and build.",
    Role.OUTFIT: "Dress the person in this: keep its cut, fabric, colour and pattern.",
    Role.STYLE: "Take over its light, colours and mood, and none of what it shows.",
    Role.LOGO: "Reproduce it exactly: its shapes, letters, colours and proportions.",
    Role.BACKGROUND: "Place the scene here, and keep the place recognisable.",
}
NO_ROLE = "Keep the products in it true to their shape, material, colour and details."


@dataclass(frozen=True)
class NamedReference:
    """Title and role of a reference in a prompt; `role` is one of Role or ""."""

    title: str
    role: str = ""


@dataclass(frozen=True)
class FittedReferences:
    """References that a model accepts.

    `sent` are positions in the given references. `left_out` are sentences about the others.
    """

    sent: tuple[int, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class ComposedPrompt:
    """Full prompt, with the references to send.

    `sent` are positions in the given references, in the order in which `text` numbers them.
    `left_out` are sentences for users about the others.
    """

    text: str
    sent: tuple[int, ...]
    left_out: tuple[str, ...]


def fit_references(references: Sequence[NamedReference], model: EngineModel) -> FittedReferences:
    """Choose as many references as the model accepts, by the PRIORITY of their roles and then by
    position. Those that are chosen stay in the given order."""
    by_priority = sorted(
        range(len(references)), key=lambda n: (PRIORITY.index(references[n].role), n)
    )
    chosen: list[int] = []
    reasons: dict[int, str] = {}
    for n in by_priority:
        role = references[n].role
        slots = model.slots.get(role) if role else None
        same_role = sum(references[other].role == role for other in chosen)
        if slots is not None and same_role >= slots:
            name = Role(role).label.lower() if slots == 1 else f"{Role(role).label.lower()}s"
            reasons[n] = f"{model.label} accepts {slots} {name}"
        elif len(chosen) >= model.max_references:
            limit = model.max_references
            reasons[n] = (
                f"{model.label} accepts {limit} reference{'' if limit == 1 else 's'}"
                if limit
                else f"{model.label} accepts no references"
            )
        else:
            chosen.append(n)
    left_out = tuple(f"“{references[n].title}” is not used: {reasons[n]}." for n in sorted(reasons))
    return FittedReferences(tuple(sorted(chosen)), left_out)


def compose_prompt(
    *,
    prompt: str,
    brand: Brand,
    references: Sequence[NamedReference],
    model: EngineModel,
    rules: BrandRules | None = None,
) -> ComposedPrompt:
    """Return the prompt with the references by number, role and title, and the brand's rules."""
    fitted = fit_references(references, model)
    parts = [prompt.strip()]
    if fitted.sent:
        lines = [_line(number, references[n]) for number, n in enumerate(fitted.sent, start=1)]
        parts.append("The reference images, in their order:\n" + "\n".join(lines))
    if brand.style.strip():
        parts.append(f"Style of the brand {brand.name}: {brand.style.strip()}")
    if brand.palette:
        parts.append(f"Palette of the brand: {', '.join(brand.palette)}.")
    if rules:
        parts += _rule_parts(rules)
    return ComposedPrompt("\n\n".join(parts), fitted.sent, fitted.left_out)


def redraw_instruction(*, number: int) -> str:
    """Return the instruction to an engine to draw the draft, sent as image `number`, again at a
    larger size."""
    return (
        f"Image {number} is a draft of this very picture. Make it again at a higher resolution: "
        "keep its composition, poses, light and colours as they are, and add only the detail that "
        "the size has room for."
    )


def _line(number: int, reference: NamedReference) -> str:
    # "Untitled" and a camera's number say nothing to an image model, or the wrong thing
    title = "" if says_nothing(reference.title) else f": {reference.title}"
    if not reference.role:
        return f"Image {number}{title}. {NO_ROLE}"
    role = Role(reference.role)
    return f"Image {number}, the {role.label.lower()}{title}. {INSTRUCTIONS[role]}"


def _rule_parts(rules: BrandRules) -> list[str]:
    parts = []
    if rules.voice.strip():
        parts.append(f"Mood: {rules.voice.strip()}")
    for heading, listed in (
        ("In every picture of this brand:", rules.always),
        ("Never in a picture of this brand:", rules.never),
    ):
        if lines := [f"- {line.strip()}" for line in listed if line.strip()]:
            parts.append("\n".join([heading, *lines]))
    return parts
