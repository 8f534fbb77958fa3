"""What was said between a person and a model, from the first request to a picture that is to be
gone on from. It is kept in Postgres and in the library, and put together again from there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assetbank.assets import read_original
from assetbank.models import Asset
from assetbank.rights import terms
from generation.engines import Drawing, DrawRequest, Exchange, ReferenceImage, reference_images
from generation.engines.gemini import Json, turns
from generation.errors import InvalidRequest
from generation.models import Output, Take, Turn

MAX_TURNS = 20  # turns

INSTEAD = "Use the image as a reference instead."


def asked(request: DrawRequest) -> Json:
    """What was sent, to be sent again: the prompt, and of each reference its asset and the
    SHA-256 of the bytes that went out."""
    return {
        "prompt": request.prompt,
        "references": [
            {
                "asset": each.asset_id,
                "role": each.role,
                "sent": hashlib.sha256(each.data).hexdigest(),
            }
            for each in request.references
        ],
    }


def record_request(take: Take, request: DrawRequest) -> None:
    """Record what is sent for a take, in the transaction in which it is recorded as asked for."""
    Turn.objects.update_or_create(take=take, defaults={"content": asked(request)})


def record_answer(take: Take, drawing: Drawing) -> None:
    """Add the answer to what was sent, in the transaction of its outputs. Where an engine says
    nothing that it could go on from, there is nothing to add."""
    turn = Turn.objects.filter(take=take).first()
    if turn and drawing.said:
        turn.content |= {"role": "model", "parts": list(drawing.said)}
        turn.save(update_fields=["content"])


@dataclass(frozen=True)
class Link:
    """One turn that can be said again: `pictures` by their position, `assets` by their id."""

    turn: Turn
    pictures: Mapping[int, Asset]
    assets: Mapping[int, Asset]

    @property
    def images(self) -> int:
        return len(self.pictures) + len(self.turn.content["references"])


def chain(output: Output) -> list[Link]:
    """The turns that led to an output, first one first. Raises InvalidRequest with what is in the
    way of going on, and what to do instead."""
    links: list[Link] = []
    step: Output | None = output
    while step is not None:
        if len(links) == MAX_TURNS:
            raise InvalidRequest(
                f"The edit history has reached the maximum of {MAX_TURNS} turns. {INSTEAD}",
                code="too_many_turns",
            )
        links.append(_link(step))
        step = step.generation.refines
    return links[::-1]


def images(output: Output) -> int:
    """How many pictures the model is shown again before the next turn: for estimates, so a
    conversation that cannot go on counts its last picture only."""
    try:
        return sum(link.images for link in chain(output))
    except InvalidRequest:
        return 1


def history(output: Output) -> tuple[Exchange, ...]:
    """The conversation that ended with an output, with every byte as it was. Raises InvalidRequest
    and FileMissing."""
    return tuple(_exchange(link) for link in chain(output))


def pointed_out(output: Output) -> str:
    """For the prompt of the next turn: which picture is meant, where the model drew several."""
    drawn = Output.objects.filter(take=output.take_id).count()
    if drawn < 2:
        return ""
    return f"Go on from picture {output.position + 1} of the {drawn} in your last answer. "


def _link(output: Output) -> Link:
    turn = Turn.objects.filter(take=output.take_id).first()
    if turn is None or not turns.complete(turn.content.get("parts", [])):
        raise InvalidRequest(
            "The model's response for this image was not stored, so it cannot be edited. "
            f"{INSTEAD}",
            code="no_turn",
        )
    pictures = _pictures(output)
    if output.position not in pictures:
        raise InvalidRequest(
            "An image of this edit history is no longer in the library, so it cannot be "
            f"edited further. {INSTEAD}",
            code="picture_gone",
        )
    return Link(turn, pictures, _assets(turn, pictures[output.position]))


def _pictures(output: Output) -> dict[int, Asset]:
    """The files of a take that are in the library, by position. Not by their links: a picture that
    was merged into another one is still there, in the archive."""
    drawn = Output.objects.filter(take=output.take_id)
    checksums = dict(drawn.exclude(checksum="").values_list("position", "checksum"))
    found = Asset.objects.filter(
        brand=output.generation.brand_id, checksum__in=set(checksums.values())
    )
    there = {asset.checksum: asset for asset in found}
    return {place: there[each] for place, each in checksums.items() if each in there}


def _assets(turn: Turn, picture: Asset) -> dict[int, Asset]:
    """The references of a turn, while all are there and may be used."""
    wanted = [each["asset"] for each in turn.content["references"]]
    assets = Asset.objects.in_bulk(wanted)
    if len(assets) < len(set(wanted)):
        raise InvalidRequest(
            "A reference of this image was deleted, so its edit history cannot be sent to the "
            f"model again. {INSTEAD}",
            code="reference_gone",
        )
    if any(terms.usage_problem(each, derive=True) for each in [picture, *assets.values()]):
        # who reads this may not see all references
        raise InvalidRequest(
            "An image of this edit history may no longer be used: its usage rights have "
            "expired or changed.",
            code="rights",
        )
    return assets


def _exchange(link: Link) -> Exchange:
    content = link.turn.content
    parts = [
        part
        for part in content["parts"]
        # a sibling that was deleted; the one that is gone on from is there: `chain`
        if "output" not in part or part["output"] in link.pictures
    ]
    return Exchange(
        prompt=content["prompt"],
        references=tuple(_sent_again(each, link.assets) for each in content["references"]),
        said=turns.restored(parts, lambda part: _picture(part, link.pictures)),
    )


def _picture(part: Json, pictures: Mapping[int, Asset]) -> bytes:
    asset = pictures[part["output"]]
    return _unchanged(read_original(asset), part["sha256"], asset)


def _sent_again(reference: Mapping[str, Any], assets: Mapping[int, Asset]) -> ReferenceImage:
    """The original byte by byte, if that was sent. A preview may have been drawn anew since: the
    model signs its own pictures only."""
    asset = assets[reference["asset"]]
    if reference["sent"] == asset.checksum:
        again = reference_images.original_image(asset, reference["role"])
        _unchanged(again.data, asset.checksum, asset)
        return again
    return reference_images.reference_image(asset, reference["role"])


def _unchanged(data: bytes, checksum: str, asset: Asset) -> bytes:
    if hashlib.sha256(data).hexdigest() != checksum:
        raise InvalidRequest(
            f"The file of “{asset}” has changed, so its edit history cannot be sent to the "
            f"model again. {INSTEAD}",
            code="picture_changed",
        )
    return data
