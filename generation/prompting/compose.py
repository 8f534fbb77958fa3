"""From what a person wrote to what a model reads: the references that it has room for, named in
order with what each is for, and what the brand asks of every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assetbank.models import Brand
from generation.models import BrandRules, EngineModel, Role

# What is left out first when a model has no room for all stands last
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
    """A reference as a prompt names it; `role` is one of Role or ""."""

    title: str
    role: str = ""


@dataclass(frozen=True)
class FittedReferences:
    """Which references are sent, by their position in what was given, and why others are not."""

    kept: tuple[int, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class ComposedPrompt:
    """`sent`: the positions of the references that go along, in the order in which `text` numbers
    them. `left_out`: sentences for people."""

    text: str
    sent: tuple[int, ...]
    left_out: tuple[str, ...]


def fit_references(references: Sequence[NamedReference], model: EngineModel) -> FittedReferences:
    """As many as the model has room for: products before styles, and of one role the first.

    What is kept stays in its order.
    """
    by_priority = sorted(
        range(len(references)), key=lambda n: (PRIORITY.index(references[n].role), n)
    )
    kept: list[int] = []
    reasons: dict[int, str] = {}
    for n in by_priority:
        role = references[n].role
        slots = model.slots.get(role) if role else None
        beside = sum(references[other].role == role for other in kept)
        if slots is not None and beside >= slots:
            name = Role(role).label.lower() if slots == 1 else f"{Role(role).label.lower()}s"
            reasons[n] = f"{model.label} accepts {slots} {name}"
        elif len(kept) >= model.max_references:
            most = model.max_references
            reasons[n] = (
                f"{model.label} accepts {most} reference{'' if most == 1 else 's'}"
                if most
                else f"{model.label} accepts no references"
            )
        else:
            kept.append(n)
    left_out = tuple(f"“{references[n].title}” is not used: {reasons[n]}." for n in sorted(reasons))
    return FittedReferences(tuple(sorted(kept)), left_out)


def compose_prompt(
    *,
    prompt: str,
    brand: Brand,
    references: Sequence[NamedReference],
    model: EngineModel,
    rules: BrandRules | None = None,
) -> ComposedPrompt:
    """The prompt, the references by number, role and name, and the brand's rules."""
    fitted = fit_references(references, model)
    parts = [prompt.strip()]
    if fitted.kept:
        lines = [_line(number, references[n]) for number, n in enumerate(fitted.kept, start=1)]
        parts.append("The reference images, in their order:\n" + "\n".join(lines))
    if brand.style.strip():
        parts.append(f"Style of the brand {brand.name}: {brand.style.strip()}")
    if brand.palette:
        parts.append(f"Palette of the brand: {', '.join(brand.palette)}.")
    if rules:
        parts += _ruled(rules)
    return ComposedPrompt("\n\n".join(parts), fitted.kept, fitted.left_out)


def redraw_instruction(*, number: int) -> str:
    """For the last image, a draft that is to be made again at the size that is asked for."""
    return (
        f"Image {number} is a draft of this very picture. Make it again at a higher resolution: "
        "keep its composition, poses, light and colours as they are, and add only the detail that "
        "the size has room for."
    )


def _line(number: int, reference: NamedReference) -> str:
    if not reference.role:
        return f"Image {number}: {reference.title}. {NO_ROLE}"
    role = Role(reference.role)
    return f"Image {number}, the {role.label.lower()}: {reference.title}. {INSTRUCTIONS[role]}"


def _ruled(rules: BrandRules) -> list[str]:
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
