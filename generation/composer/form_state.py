"""Fields of the studio's form, kept in the user's session next to the tray; restored from past
generations, with an undo."""

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
MAX_VALUE_LENGTH, MAX_VARIABLES = 8_000, 40  # characters of a field; variables of a preset
PARTS = ("prompt", "references", "settings")


def saved_fields(session: SessionBase) -> dict[str, str]:
    """Return the fields of the studio's form that are saved in the session, by name."""
    saved = session.get(KEY, {})
    return {str(name): str(value) for name, value in saved.items()}


def save_fields(session: SessionBase, data: Mapping[str, Any]) -> None:
    """Save the fields of the studio's form in the session, which the middleware stores with the
    response."""
    session[KEY] = _fields(data)


def save_fields_now(session: SessionBase, data: Mapping[str, Any]) -> None:
    """Write the fields of the studio's form to the stored session at once.

    This is for slow requests, during which the user may change the tray in other requests: a slow
    request that stores its own copy of the session at its end would undo that.
    """
    fields = _fields(data)
    if type(session)(session.session_key).get(KEY) == fields:
        return
    with tray.locked_session(session) as current:
        current[KEY] = fields


def reset(session: SessionBase) -> None:
    """Empty the form and the tray; `undo` restores them."""
    _save_undo(session)
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
    """Set `parts` (of PARTS) of the form and the tray to those of a past generation, keep the rest,
    and return a sentence about the change.

    The references of `generation` have assets only as far as the user may view them; `before` is
    the id of the asset that it edited, if the user may view it.
    """
    whole = set(parts) >= set(PARTS)
    _save_undo(session)
    taken = "All settings were reused from" if whole else f"Reused the {' and the '.join(parts)} of"
    said = [f"{taken} “{generation}”."]
    now = saved_fields(session)
    if "prompt" in parts:
        now = {name: value for name, value in now.items() if not name.startswith(VAR_PREFIX)}
        now |= _prompt_fields(generation)
    if "settings" in parts:
        now |= _settings_fields(generation)
        if now["model"] != generation.model:
            missed = f"{generation.model} is no longer available: {now['model']} is selected."
            said.append(catalog.retired_sentence(generation.model) or missed)
    if whole:
        now["brand"] = generation.brand.slug
    if "references" in parts:
        rows = generation.reference_rows.all()
        available = {row.asset.pk: row.role for row in rows if row.asset}
        tray.replace_references(session, [*([before] if before else []), *available], available)
        if before:
            said.append("The image that it edited is its first reference.")
        if gone := len(rows) - len(available):
            said.append(f"{gone} of its {len(rows)} references can no longer be used.")
    session[KEY] = now
    session[BEFORE]["said"] = " ".join(said)
    session.modified = True
    return " ".join(said)


def restored_from(session: SessionBase) -> str:
    """Return the sentence about the last reuse or reset in this session that can be undone, or
    ""."""
    return str(session.get(BEFORE, {}).get("said", ""))


def undo(session: SessionBase) -> None:
    """Restore form and tray to their state before the last `restore_from` or `reset`."""
    if before := session.pop(BEFORE, None):
        session[KEY] = before["fields"]
        tray.replace_references(
            session, before["tray"], {int(pk): role for pk, role in before["roles"].items()}
        )


def clear_undo(session: SessionBase) -> None:
    """Discard the state to undo to: the restored fields have been submitted."""
    session.pop(BEFORE, None)


def from_generation(generation: Generation) -> dict[str, str]:
    """Return the fields of the form as `generation` used them."""
    return {
        "brand": generation.brand.slug,
        **_prompt_fields(generation),
        **_settings_fields(generation),
    }


def _fields(data: Mapping[str, Any]) -> dict[str, str]:
    names = [name for name in data if name in FIELDS or name.startswith(VAR_PREFIX)]
    return {
        name[:80]: str(data[name])[:MAX_VALUE_LENGTH]
        for name in names[: len(FIELDS) + MAX_VARIABLES]
    }


def _save_undo(session: SessionBase) -> None:
    session[BEFORE] = {
        "fields": saved_fields(session),
        "tray": tray.selected_ids(session),
        "roles": {str(pk): role for pk, role in tray.roles(session).items()},
    }


def _prompt_fields(generation: Generation) -> dict[str, str]:
    """Return the fields of the form that hold the prompt of a generation: the preset, with the
    number of its version if that is not the latest, the user's own words and the variables."""
    version = generation.preset_version
    if version is None:
        return {"preset": "", "prompt": generation.prompt}
    latest = presets.latest_version(version.preset)
    slug = version.preset.slug
    return {
        "preset": slug if latest == version else f"{slug}:{version.number}",
        "prompt": presets.own_words(version, generation.variables, generation.prompt),
        **{f"{VAR_PREFIX}{name}": value for name, value in generation.variables.items()},
    }


def _settings_fields(generation: Generation) -> dict[str, str]:
    return {
        "model": catalog.default_model_for(generation.model) or generation.model,
        "aspect_ratio": generation.aspect_ratio,
        "image_size": generation.image_size,
        "count": str(generation.count),
    }
