"""Presets: shared prompts with blanks. A version never changes: `save_preset` adds the next one.

A blank is written {like_this}; a brace itself is written twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from assetbank import permissions, text
from assetbank.models import Brand
from generation.errors import InvalidRequest
from generation.models import Generation, Preset, PresetVersion, Role
from generation.prompting.preset_validation import MAX_VALUE_LENGTH, template_problems

# ------------------------------------------------------------------------ choice


def visible_presets(person: permissions.AnyUser) -> QuerySet[Preset]:
    """Return the presets of all brands and of the user's brands, including those not on offer."""
    return Preset.objects.filter(Q(brand=None) | Q(brand__in=permissions.brands(person)))


def offered_presets(person: permissions.AnyUser, brand: Brand | None = None) -> QuerySet[Preset]:
    """Return the presets with a version that are on offer to the user, and to `brand` if given."""
    found = visible_presets(person).filter(offered=True, versions__isnull=False).distinct()
    return found.filter(Q(brand=None) | Q(brand=brand)) if brand else found


def with_use_counts(presets: QuerySet[Preset]) -> QuerySet[Preset]:
    """Annotate presets with `used`, the number of generations from any of their versions."""
    uses = PresetVersion.objects.filter(preset=OuterRef("pk")).order_by().values("preset")
    return presets.annotate(used=Subquery(uses.annotate(n=Count("generations")).values("n")))


def latest_version(preset: Preset) -> PresetVersion:
    """Return the newest version of a preset. Raises InvalidRequest if there is none."""
    version = preset.versions.order_by("-number").first()
    if version is None:
        raise InvalidRequest(
            f"“{preset}” has no version yet. Choose another preset.", code="unknown_preset"
        )
    return version


def choose_version(
    person: permissions.AnyUser, brand: Brand, slug: str, number: int | None = None
) -> PresetVersion:
    """Return the version of a preset with that number, by default the newest.

    Raises InvalidRequest if `brand` has no such preset or version.
    """
    found = visible_presets(person).filter(
        Q(brand=None) | Q(brand=brand), slug=slug.replace("\0", "")
    )
    if number is None:
        found = found.filter(offered=True)
    preset = found.first()
    if preset is None:
        raise InvalidRequest(
            f"There is no preset “{slug}” for {brand}. Choose another preset.",
            code="unknown_preset",
        )
    if number is None:
        return latest_version(preset)
    version = preset.versions.filter(number=number).first()
    if version is None:
        raise InvalidRequest(f"“{preset}” has no version {number}.", code="unknown_preset")
    return version


# ------------------------------------------------------------------------ blanks and roles


def variable_values(version: PresetVersion, given: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each variable of a version by its name: the given one, else its default.

    Raises InvalidRequest for an unknown variable, or for a value that is missing or too long.
    """
    known = {each["name"]: each for each in version.variables}
    if unknown := sorted(given.keys() - known.keys()):
        names = ", ".join(known) or "none"
        raise InvalidRequest(
            f"{version.preset} has no variable “{unknown[0]}”. It has: {names}.",
            code="unknown_variable",
        )
    filled = {}
    for name, variable in known.items():
        value = " ".join(text.clean_text(given.get(name, "")).split()) or variable.get(
            "default", ""
        )
        if not value:
            raise InvalidRequest(f"Fill in “{variable_label(variable)}”.", code="empty_variable")
        if len(value) > MAX_VALUE_LENGTH:
            raise InvalidRequest(
                f"“{variable_label(variable)}” has at most {MAX_VALUE_LENGTH} characters."
            )
        filled[name] = value
    return filled


def fill(version: PresetVersion, given: Mapping[str, str]) -> str:
    """Return the prompt of a version, with the `given` values or their defaults in its blanks.
    Braces in a value are not blanks. Raises InvalidRequest like `variable_values`."""
    filled = variable_values(version, given)
    pieces = []
    for literal, name, _, _ in Formatter().parse(version.template):
        pieces += [literal, filled.get(name, "") if name else ""]
    return "".join(pieces).strip()


def fill_prompt(version: PresetVersion, given: Mapping[str, str], words: str = "") -> str:
    """Return the complete prompt of a request with a preset: the filled version, then the user's
    own words."""
    return "\n\n".join(part for part in (fill(version, given), words.strip()) if part)


def own_words(version: PresetVersion, given: Mapping[str, str], whole: str) -> str:
    """Return the words that the user added in a `whole` prompt: the inverse of `fill_prompt`."""
    try:
        return whole.removeprefix(fill(version, given)).strip()
    except InvalidRequest:
        return whole


def generation_heading(generation: Generation) -> str:
    """Return the heading of a generation: its preset and the user's own words, or its prompt."""
    version = generation.preset_version
    if version is None:
        return generation.prompt
    words = own_words(version, generation.variables, generation.prompt)
    return f"{version.preset}: {words}" if words else str(version.preset)


def filled_variables(generation: Generation) -> list[tuple[str, str]]:
    """Return (label, value) for each variable of a generation's preset that has a value, in the
    order of the preset."""
    version, given = generation.preset_version, generation.variables
    blanks = version.variables if version else []
    return [(variable_label(each), given[each["name"]]) for each in blanks if each["name"] in given]


def variable_label(variable: Mapping[str, Any]) -> str:
    """Return the label of a variable of a preset; without one, its name in words."""
    return str(variable.get("label") or variable["name"].replace("_", " ").capitalize())


def reference_problems(version: PresetVersion, roles: Iterable[str]) -> list[str]:
    """Return a sentence for each role of which the references, whose `roles` are given, are too few
    or too many for a version."""
    chosen = Counter(roles)
    sentences = []
    for role in version.roles:
        count = chosen[role["role"]]
        verb = "needs" if count < role["least"] else "allows" if count > role["most"] else ""
        if verb:
            sentences.append(f"{version.preset} {verb} {_describe(role)}; {count} chosen.")
    return sentences


def required_roles(version: PresetVersion) -> list[str]:
    """Return the references that a version requires or allows, in words: “1 to 4 products”, “at
    most 1 style”."""
    return [_describe(role) for role in version.roles]


def assign_roles(version: PresetVersion, roles: Sequence[str]) -> list[str]:
    """Return the roles of references, in order, with each "" replaced by a role that the version
    requires, as long as fewer references than its maximum have that role.

    Optional roles are not assigned: only the user knows which image is, say, the background.
    """
    assigned, required = list(roles), [each for each in version.roles if each["least"]]
    for bound in ("least", "most"):
        for n, role in enumerate(assigned):
            unfilled = (e["role"] for e in required if assigned.count(e["role"]) < e[bound])
            assigned[n] = role or next(unfilled, "")
    return assigned


def check_references(version: PresetVersion, roles: Iterable[str]) -> None:
    """Raise InvalidRequest, with the sentences of `reference_problems`, if there are any."""
    if sentences := reference_problems(version, roles):
        raise InvalidRequest(" ".join(sentences), code="preset_references")


def _describe(role: Mapping[str, Any]) -> str:
    least, most, name = role["least"], role["most"], Role(role["role"]).label.lower()
    plural = name if most == 1 else f"{name}s"
    if not least:
        return f"at most {most} {plural}"
    return f"{least} {plural}" if least == most else f"{least} to {most} {plural}"


# ------------------------------------------------------------------------ changes


@transaction.atomic
def save_preset(
    *,
    preset: Preset,
    by: User | None,
    template: str,
    variables: list[dict[str, Any]],
    roles: list[dict[str, Any]],
    aspect_ratio: str = "",
    image_size: str = "",
) -> PresetVersion:
    """Save the next version of a preset, unless nothing differs from the newest one; return the
    newest one. Raises InvalidRequest."""
    if problems := template_problems(template, variables, roles):
        raise InvalidRequest(" ".join(problems), code="invalid_preset")
    Preset.objects.select_for_update().get(pk=preset.pk)
    content = {
        "template": text.clean_text(template),
        "variables": variables,
        "roles": roles,
        "aspect_ratio": aspect_ratio,
        "image_size": image_size,
    }
    last = preset.versions.order_by("-number").first()
    if last and all(getattr(last, name) == value for name, value in content.items()):
        return last
    number = last.number + 1 if last else 1
    return PresetVersion.objects.create(preset=preset, number=number, created_by=by, **content)
