"""The desk of a person in the studio: what its form was left with, and what a past generation puts
there again. In the session, beside the tray."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from generation.composer import tray
from generation.engines import catalog
from generation.models import Generation
from generation.prompting import presets

KEY, BEFORE = "studio", "studio_before"
FIELDS = ("preset", "prompt", "brand", "model", "aspect_ratio", "image_size", "count")
VAR_PREFIX = "var_"  # before the name of a preset's variable
MAX_VALUE_LENGTH, MAX_VARIABLES = 8_000, 40
PARTS = ("prompt", "references", "settings")


def saved_fields(session: SessionBase) -> dict[str, str]:
    kept = session.get(KEY, {})
    return {str(name): str(value) for name, value in kept.items()}


def save_fields(session: SessionBase, given: Mapping[str, Any]) -> None:
    """What the form says now."""
    session[KEY] = _said(given)


def save_beside(session: SessionBase, given: Mapping[str, Any]) -> None:
    """The same, for a request that takes its time while others change the tray: it saves what it
    says at once, and no copy of the session that is old by the time it ends."""
    said = _said(given)
    if type(session)(session.session_key).get(KEY) == said:
        return
    with tray.locked_session(session) as now:
        now[KEY] = said


def reset(session: SessionBase) -> None:
    """Nothing is written, chosen or put aside any more; `undo` brings it back."""
    _remember(session)
    session[BEFORE]["said"] = "The studio was reset."
    session.pop(KEY, None)
    tray.replace_references(session, [])


def restore_from(
    session: SessionBase,
    generation: Generation,
    parts: Collection[str],
    *,
    before: int | None = None,
) -> str:
    """Put PARTS of a past generation on the desk, and leave the rest as it is; says what was done.

    `generation` comes with the references that the person may see; `before` is the picture
    that it went on from, if they may see that.
    """
    whole = set(parts) >= set(PARTS)
    _remember(session)
    taken = "All settings were reused from" if whole else f"Reused the {' and the '.join(parts)} of"
    said = [f"{taken} “{generation}”."]
    now = saved_fields(session)
    if "prompt" in parts:
        now = {name: value for name, value in now.items() if not name.startswith(VAR_PREFIX)}
        now |= _prompt(generation)
    if "settings" in parts:
        now |= _settings(generation)
        if now["model"] != generation.model:
            missed = f"{generation.model} is no longer available: {now['model']} is selected."
            said.append(catalog.retirement_notice(generation.model) or missed)
    if whole:
        now["brand"] = generation.brand.slug
    if "references" in parts:
        rows = generation.reference_rows.all()
        there = {row.asset.pk: row.role for row in rows if row.asset}
        tray.replace_references(session, [*([before] if before else []), *there], there)
        if before:
            said.append("The image that it edited is its first reference.")
        if gone := len(rows) - len(there):
            said.append(f"{gone} of its {len(rows)} references can no longer be used.")
    session[KEY] = now
    session[BEFORE]["said"] = " ".join(said)
    session.modified = True
    return " ".join(said)


def restored_from(session: SessionBase) -> str:
    """What was put there last and can be undone, in a sentence; else ""."""
    return str(session.get(BEFORE, {}).get("said", ""))


def undo(session: SessionBase) -> None:
    """As it was before the last `recall` or `clear`."""
    if before := session.pop(BEFORE, None):
        session[KEY] = before["fields"]
        tray.replace_references(
            session, before["tray"], {int(pk): role for pk, role in before["roles"].items()}
        )


def clear_undo(session: SessionBase) -> None:
    """What was recalled is in use: there is nothing to undo."""
    session.pop(BEFORE, None)


def from_generation(generation: Generation) -> dict[str, str]:
    """All fields as they were then."""
    return {"brand": generation.brand.slug, **_prompt(generation), **_settings(generation)}


def _said(given: Mapping[str, Any]) -> dict[str, str]:
    names = [name for name in given if name in FIELDS or name.startswith(VAR_PREFIX)]
    return {
        name[:80]: str(given[name])[:MAX_VALUE_LENGTH]
        for name in names[: len(FIELDS) + MAX_VARIABLES]
    }


def _remember(session: SessionBase) -> None:
    session[BEFORE] = {
        "fields": saved_fields(session),
        "tray": tray.ids(session),
        "roles": {str(pk): role for pk, role in tray.roles(session).items()},
    }


def _prompt(generation: Generation) -> dict[str, str]:
    """The person's own words, and the very version of the preset that was used."""
    version = generation.preset_version
    if version is None:
        return {"preset": "", "prompt": generation.prompt}
    latest = presets.newest(version.preset)
    slug = version.preset.slug
    return {
        "preset": slug if latest == version else f"{slug}:{version.number}",
        "prompt": presets.own_words(version, generation.variables, generation.prompt),
        **{f"{VAR_PREFIX}{name}": value for name, value in generation.variables.items()},
    }


def _settings(generation: Generation) -> dict[str, str]:
    return {
        "model": catalog.default_model_for(generation.model) or generation.model,
        "aspect_ratio": generation.aspect_ratio,
        "image_size": generation.image_size,
        "count": str(generation.count),
    }
