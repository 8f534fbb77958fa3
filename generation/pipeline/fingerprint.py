"""Fingerprint of a request: equal for requests for the same image."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence

from assetbank.models import Brand
from generation.models import Output, PresetVersion


def request_fingerprint(
    *,
    brand: Brand,
    prompt: str,
    aspect_ratio: str,
    references: Sequence[tuple[str, str]] = (),
    preset_version: PresetVersion | None = None,
    variables: Mapping[str, str] | None = None,
    refines: Output | None = None,
    draft: Output | None = None,
) -> str:
    """Return the SHA-256 of a request as 64 hexadecimal digits.

    `references` are (checksum, role) pairs in the order of the request. Case and white space of the
    prompt make no difference. The user, the model, the size and the number of images are left out
    on purpose: they change the cost of an image and not what it should show.
    """
    request = {
        "brand": brand.pk,
        "prompt": " ".join(unicodedata.normalize("NFKC", prompt).casefold().split()),
        "aspect_ratio": aspect_ratio,
        "references": [list(each) for each in references],
        "preset_version": preset_version.pk if preset_version else None,
        "variables": dict(variables or {}),
        "refines": refines.pk if refines else None,
        "draft": draft.pk if draft else None,
    }
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
