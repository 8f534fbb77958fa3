"""Going on from a picture in words: "swap the hat"."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User

from assetbank import access
from assetbank.models import Asset
from generation import conversation, engines, studio
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Generation, Output


def offered(model: EngineModel | None) -> bool:
    """Whether pictures of that model can be gone on from, as far as its row tells."""
    return bool(model and model.refines and model.offered and not model.retired())


def request(
    *,
    person: User,
    output: Output,
    words: str,
    references: Sequence[Asset] = (),
    roles: Mapping[int, str] | None = None,
    aspect_ratio: str = "",
    image_size: str = "",
    count: int = 1,
    key: uuid.UUID | None = None,
) -> Generation:
    """Queue the next turn of a conversation. Any output can be gone on from any number of times:
    each time is a branch. Format and size are those of the output, unless said otherwise.

    Raises InvalidRequest, which says what to do instead where the model cannot go on, and
    NotAllowed.
    """
    before = output.generation
    access.require_creator(person, before.brand)
    if output.asset_id is None or not access.assets(person).filter(pk=output.asset_id).exists():
        raise InvalidRequest("This picture is not in the library any more.", code="picture_gone")
    model = _model(before)
    images = sum(link.images for link in conversation.chain(output)) + len(references)
    if images > model.max_references:
        raise InvalidRequest(
            f"With this turn the conversation would hold {images} pictures, and {model.label} "
            f"looks at {model.max_references} at most. {conversation.INSTEAD}",
            code="too_many_references",
        )
    if not words.strip():
        raise InvalidRequest("Write what should change.", code="empty_prompt")
    return studio.request(
        person=person,
        brand=before.brand,
        prompt=words,
        references=references,
        roles=roles,
        model=model.id,
        aspect_ratio=aspect_ratio or before.aspect_ratio,
        image_size=image_size or before.image_size,
        count=count,
        key=key,
        refines=output,
    )


def _model(before: Generation) -> EngineModel:
    """The model that drew it: signatures mean nothing to another one, nor to its successor."""
    try:
        model = engines.model(before.model)
    except ModelRetired as error:
        raise ModelRetired(
            f"{error.message} It cannot go on from another model's picture. {conversation.INSTEAD}",
            successor=error.successor,
        ) from None
    if not model.refines:
        raise InvalidRequest(
            f"{model.label} cannot go on from a picture. {conversation.INSTEAD}",
            code="cannot_refine",
        )
    return model
