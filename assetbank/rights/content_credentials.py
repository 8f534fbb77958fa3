"""Read Content Credentials (C2PA): signed statements in a file about its origin.

Nothing is fetched from the network, and no list of trusted signers is consulted: "valid" means that
the signature matches the file, not that the signer is trusted. The file itself is parsed in a child
process (`assetbank.media.decoder`).
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

from assetbank.media import decoder
from assetbank.text import clean_text

logger = logging.getLogger(__name__)

MARKS = (b"c2pa", b"dcterms:provenance")  # embedded manifest, or reference to a remote one
MAX_ENTRIES = 20  # actions, and ingredients, that are returned
MAX_TEXT_LENGTH = 200  # characters
STATES = {
    "valid": "Signed and unchanged since.",
    "changed": "Changed after signing, or the signature is invalid: do not rely on it.",
    "elsewhere": "The Content Credentials are stored at another address, which is not fetched.",
    "unreadable": "The file has Content Credentials, but they cannot be read.",
}
ACTIONS = {
    "c2pa.created": "Created",
    "c2pa.opened": "Opened from another file",
    "c2pa.edited": "Edited",
    "c2pa.edited.metadata": "Metadata edited",
    "c2pa.color_adjustments": "Colours adjusted",
    "c2pa.cropped": "Cropped",
    "c2pa.resized": "Resized",
    "c2pa.orientation": "Rotated",
    "c2pa.drawing": "Drawing added",
    "c2pa.filtered": "Filter applied",
    "c2pa.placed": "Another image placed",
    "c2pa.removed": "Content removed",
    "c2pa.redacted": "Metadata removed",
    "c2pa.converted": "Format converted",
    "c2pa.transcoded": "Format converted",
    "c2pa.repackaged": "Repackaged",
    "c2pa.published": "Published",
    "c2pa.watermarked": "Watermarked",
    "c2pa.watermarked.bound": "Watermarked",
}


@dataclass(frozen=True)
class Action:
    """A step of the image's making, as a manifest records it."""

    said: str  # label for people
    when: str  # as in the manifest; often empty
    source_type: str  # last part of the IPTC term's URI


@dataclass(frozen=True)
class Credentials:
    """The content of a file's active manifest; texts are empty where it has none."""

    state: str  # one of STATES
    signer: str = ""
    issuer: str = ""
    when: str = ""  # trusted timestamp, as in the manifest
    made_with: str = ""
    title: str = ""
    actions: tuple[Action, ...] = ()
    ingredients: tuple[str, ...] = ()
    address: str = ""  # URL of a remote manifest

    @property
    def said(self) -> str:
        """Sentence about the state of the signature."""
        return STATES[self.state]

    @property
    def source_types(self) -> list[str]:
        """IPTC terms of the actions that have one; empty unless the state is "valid"."""
        found = [action.source_type for action in self.actions if action.source_type]
        return found if self.state == "valid" else []

    def as_dict(self) -> dict[str, Any]:
        return {"said": self.said, **asdict(self)}


def parse_credentials(data: bytes, mime: str) -> Credentials | None:
    """Return the Content Credentials in a file of type `mime`; None: it has none.

    Never raises, whatever the bytes are.
    """
    if not any(mark in data for mark in MARKS):
        return None
    try:
        manifest = decoder.read_manifest(data, mime)
        if manifest.error:
            return _unreadable(manifest.error)
        return _parse_store(json.loads(manifest.store)) if manifest.store else None
    except Exception as error:  # uploaded bytes are untrusted, and so is what is read from them
        logger.warning("Content Credentials that cannot be read: %s", error)
        return Credentials("unreadable")


def _unreadable(error: str) -> Credentials:
    if address := error.partition("remote manifests from url ")[2]:
        return Credentials("elsewhere", address=_text(address))
    logger.info("Content Credentials that cannot be read: %s", error)
    return Credentials("unreadable")


def _parse_store(store: dict[str, Any]) -> Credentials:
    """Convert a manifest store, as c2pa returns it as JSON."""
    active = store["manifests"][store["active_manifest"]]
    signature = active.get("signature_info") or {}
    generators = active.get("claim_generator_info") or [{}]
    actions = [
        action
        for assertion in active.get("assertions") or []
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion["data"].get("actions", [])
    ]
    valid = str(store.get("validation_state", "")).lower() in ("valid", "trusted")
    return Credentials(
        "valid" if valid else "changed",
        signer=_text(signature.get("common_name")),
        issuer=_text(signature.get("issuer")),
        when=_text(signature.get("time")),
        made_with=_text(f"{generators[0].get('name') or ''} {generators[0].get('version') or ''}"),
        title=_text(active.get("title")),
        actions=tuple(_action(action) for action in actions[:MAX_ENTRIES]),
        ingredients=tuple(
            _text(each.get("title")) or "unnamed"
            for each in (active.get("ingredients") or [])[:MAX_ENTRIES]
        ),
    )


def _action(action: dict[str, Any]) -> Action:
    name = _text(action.get("action"))
    return Action(
        ACTIONS.get(name, name),
        _text(action.get("when")),
        _text(action.get("digitalSourceType")).rpartition("/")[2],
    )


def _text(value: object) -> str:
    return clean_text(str(value or ""))[:MAX_TEXT_LENGTH]
