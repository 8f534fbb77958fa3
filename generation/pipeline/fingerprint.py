"""What tells two requests for the same picture apart, in 64 characters."""

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
    """SHA-256, hex. `references`: checksum and role of each, in the order of the request.

    Capitals and spaces in the prompt make no difference. Who asks, the model, the size and the
    number of pictures are left out on purpose: they change what a picture costs, and not what is
    wanted.
    """
    asked = {
        "brand": brand.pk,
        "prompt": " ".join(unicodedata.normalize("NFKC", prompt).casefold().split()),
        "aspect_ratio": aspect_ratio,
        "references": [list(each) for each in references],
        "preset_version": preset_version.pk if preset_version else None,
        "variables": dict(variables or {}),
        "refines": refines.pk if refines else None,
        "draft": draft.pk if draft else None,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
