"""Conversations between a user and a model about an image, from the first request on.

A conversation is stored as turns in PostgreSQL and images in the library, and assembled from both
when it continues.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assetbank.assets import read_original, versions
from assetbank.models import Asset, AssetVersion
from assetbank.rights import terms
from generation.engines import Drawing, DrawRequest, Exchange, ReferenceImage, reference_images
from generation.engines.gemini import Json, turns
from generation.errors import InvalidRequest
from generation.models import Output, Take, Turn

MAX_TURNS = 20  # Maximum turns of a conversation

INSTEAD = "Use the image as a reference instead."


def _request_content(request: DrawRequest) -> Json:
    """Return what is needed to send a request again: the prompt, and for each reference the asset's
    id, its role, and the SHA-256 of the asset's file and of the bytes sent."""
    return {
        "prompt": request.prompt,
        "references": [
            {
                "asset": each.asset_id,
                "role": each.role,
                "file": each.checksum,
                "sent": hashlib.sha256(each.data).hexdigest(),
            }
            for each in request.references
        ],
    }


def record_request(take: Take, request: DrawRequest) -> None:
    """Record the request of a take, in the transaction that records the take as asked."""
    Turn.objects.update_or_create(take=take, defaults={"content": _request_content(request)})


def record_answer(take: Take, drawing: Drawing) -> None:
    """Add the model's answer to the recorded request of a take, in the transaction that stores its
    outputs.

    Do nothing if the engine cannot continue from its answer.
    """
    turn = Turn.objects.filter(take=take).first()
    if turn and drawing.parts:
        turn.content |= {"role": "model", "parts": list(drawing.parts)}
        turn.save(update_fields=["content"])


@dataclass(frozen=True)
class PastTurn:
    """A turn that can be sent to the model again: the request and answer of a take, the assets with
    the answer's images by position (`drawn`), and the references by asset id (`assets`)."""

    turn: Turn
    drawn: Mapping[int, Asset]
    assets: Mapping[int, Asset]

    @property
    def images(self) -> int:
        """Number of images that the model gets with this turn."""
        return len(self.drawn) + len(self.turn.content["references"])


def past_turns(output: Output) -> list[PastTurn]:
    """Return the turns that led to an output, oldest first.

    Raises InvalidRequest if the conversation cannot continue, with the reason and an alternative.
    """
    found: list[PastTurn] = []
    earlier: Output | None = output
    while earlier is not None:
        if len(found) == MAX_TURNS:
            raise InvalidRequest(
                f"The edit history has reached the maximum of {MAX_TURNS} turns. {INSTEAD}",
                code="too_many_turns",
            )
        found.append(_past_turn(earlier))
        earlier = earlier.generation.refines
    return found[::-1]


def image_count(output: Output) -> int:
    """Return how many earlier images the model would get if the conversation that ends with an
    output continued, for estimates; 1, the output itself, if it cannot continue."""
    try:
        return sum(past.images for past in past_turns(output))
    except InvalidRequest:
        return 1


def history(output: Output) -> tuple[Exchange, ...]:
    """Return the conversation that ends with an output, with its images byte for byte. Raises
    InvalidRequest and FileMissing."""
    return tuple(_exchange(past) for past in past_turns(output))


def image_hint(output: Output) -> str:
    """Return the sentence that begins the next prompt and names the image to go on from; "" if the
    model's last answer has only one image."""
    drawn = Output.objects.filter(take=output.take_id).count()
    if drawn < 2:
        return ""
    return f"Go on from picture {output.position + 1} of the {drawn} in your last answer. "


def _past_turn(output: Output) -> PastTurn:
    """Return the turn that drew an output. Raises InvalidRequest if it cannot be sent to the model
    again."""
    turn = Turn.objects.filter(take=output.take_id).first()
    if turn is None or not turns.can_continue(turn.content.get("parts", [])):
        raise InvalidRequest(
            "The model's response for this image was not stored, so it cannot be edited. "
            f"{INSTEAD}",
            code="no_turn",
        )
    drawn = _drawn_assets(output)
    if output.position not in drawn:
        raise InvalidRequest(
            "An image of this edit history is no longer in the library, so it cannot be "
            f"edited further. {INSTEAD}",
            code="picture_gone",
        )
    return PastTurn(turn, drawn, _references(turn, drawn[output.position]))


def _drawn_assets(output: Output) -> dict[int, Asset]:
    """Return the assets with the images of an output's take, by position.

    They are found by checksum and not by `Output.asset`: an asset that was merged into another one
    still exists in the archive, and one whose file was replaced has the drawn one as a version.
    """
    drawn = Output.objects.filter(take=output.take_id)
    checksums = dict(drawn.exclude(checksum="").values_list("position", "checksum"))
    brand, wanted = output.generation.brand_id, set(checksums.values())
    found = Asset.objects.filter(brand=brand, checksum__in=wanted)
    by_checksum = {asset.checksum: asset for asset in found}
    if replaced := wanted - by_checksum.keys():
        rows = AssetVersion.objects.filter(asset__brand=brand, checksum__in=replaced)
        by_checksum |= {row.checksum: row.as_asset for row in rows.select_related("asset")}
    return {
        position: by_checksum[checksum]
        for position, checksum in checksums.items()
        if checksum in by_checksum
    }


def _references(turn: Turn, drawn: Asset) -> dict[int, Asset]:
    """Return the references of a turn by asset id. Raises InvalidRequest if one was deleted, or if
    one of them or the drawn image may no longer be used."""
    pks = [each["asset"] for each in turn.content["references"]]
    assets = Asset.objects.in_bulk(pks)
    if len(assets) < len(set(pks)):
        raise InvalidRequest(
            "A reference of this image was deleted, so its edit history cannot be sent to the "
            f"model again. {INSTEAD}",
            code="reference_gone",
        )
    if any(terms.usage_problem(each, derive=True) for each in [drawn, *assets.values()]):
        # No titles: the user who reads this may not have access to all references
        raise InvalidRequest(
            "An image of this edit history may no longer be used: its usage rights have "
            "expired or changed.",
            code="rights",
        )
    return assets


def _exchange(past: PastTurn) -> Exchange:
    content = past.turn.content
    parts = [
        part
        for part in content["parts"]
        # Deleted siblings are left out; `_past_turn` has checked the image that is continued from
        if "output" not in part or part["output"] in past.drawn
    ]
    return Exchange(
        prompt=content["prompt"],
        references=tuple(_reference_image(each, past.assets) for each in content["references"]),
        parts=turns.from_stored(parts, lambda part: _read_drawn(part, past.drawn)),
    )


def _read_drawn(part: Json, drawn: Mapping[int, Asset]) -> bytes:
    """Return the bytes of the image that a stored part of an answer names. Raises InvalidRequest if
    its file has changed."""
    asset = drawn[part["output"]]
    return _unchanged(read_original(asset), part["sha256"], asset)


def _reference_image(reference: Mapping[str, Any], assets: Mapping[int, Asset]) -> ReferenceImage:
    """Return a reference as it was sent: the original byte for byte, or its preview.

    A preview may have been rendered again in the meantime; that is allowed, because the model signs
    its own images only. Either is of the version that was sent then.
    """
    asset, sent = assets[reference["asset"]], reference["sent"]
    if original := versions.with_checksum(asset, sent):
        image = reference_images.original_image(original, reference["role"])
        _unchanged(image.data, sent, asset)
        return image
    # Requests of before there were versions do not name the file: it was the first one
    file = reference.get("file") or versions.get_version(asset, 1).checksum
    used = versions.with_checksum(asset, file) or asset
    return reference_images.reference_image(used, reference["role"])


def _unchanged(data: bytes, checksum: str, asset: Asset) -> bytes:
    """Return `data`, the file of an asset. Raises InvalidRequest if its SHA-256 is not
    `checksum`."""
    if hashlib.sha256(data).hexdigest() != checksum:
        raise InvalidRequest(
            f"The file of “{asset}” has changed, so its edit history cannot be sent to the "
            f"model again. {INSTEAD}",
            code="picture_changed",
        )
    return data
