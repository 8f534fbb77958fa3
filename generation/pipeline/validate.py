"""Checks a request for a generation before anything is billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assetbank import permissions
from assetbank.models import Asset
from assetbank.rights import terms
from generation.engines import catalog, quotas
from generation.errors import InvalidRequest
from generation.lineage import inheritance
from generation.models import Generation, Role
from generation.pipeline.fingerprint import request_fingerprint
from generation.prompting import compose, presets

MAX_PICTURES = 8  # Maximum images per request
MAX_PROMPT_LENGTH = 8_000  # characters


def validate_request(
    generation: Generation,
    person: permissions.AnyUser,
    references: Sequence[Asset],
    roles: Mapping[int, str],
) -> dict[int, str]:
    """Return the role of each reference by its asset's id, and complete the unsaved `generation`:
    its image size, the sentences about references left out, and its fingerprint.

    Raises InvalidRequest.
    """
    _check_amounts(generation.prompt, generation.count)
    _check_references(person, references)
    based_on = [
        output.asset for output in (generation.refines, generation.draft) if output and output.asset
    ]
    _check_rights([*references, *based_on])
    roles = _clean_roles(references, roles)
    if generation.preset_version and not generation.refines:
        presets.check_references(generation.preset_version, roles.values())
    _fit(
        generation,
        [compose.NamedReference(asset.display_title, roles[asset.pk]) for asset in references],
    )
    generation.fingerprint = request_fingerprint(
        brand=generation.brand,
        prompt=generation.prompt,
        aspect_ratio=generation.aspect_ratio,
        references=[(asset.checksum, roles[asset.pk]) for asset in references],
        preset_version=generation.preset_version,
        variables=generation.variables,
        refines=generation.refines,
        draft=generation.draft,
    )
    return roles


def _fit(generation: Generation, references: Sequence[compose.NamedReference]) -> None:
    """Leave out the references that the model does not accept, set its default image size if none
    is given, and validate the options that are left. Raises InvalidRequest."""
    chosen = catalog.get_model(generation.model)
    quotas.require_quota(generation.model)
    fitted = compose.fit_references(references, chosen)
    generation.left_out = list(fitted.left_out)
    generation.image_size = generation.image_size or next(iter(chosen.image_sizes), "")
    catalog.validate_options(
        chosen,
        prompt=generation.prompt,
        aspect_ratio=generation.aspect_ratio,
        image_size=generation.image_size,
        roles=[references[n].role for n in fitted.sent],
        refines=generation.refines is not None,
        in_bulk=bool(generation.batch and generation.batch.in_bulk),
    )


def _check_amounts(prompt: str, count: int) -> None:
    if len(prompt) > MAX_PROMPT_LENGTH:
        raise InvalidRequest(
            f"The prompt has more than {MAX_PROMPT_LENGTH} characters. Shorten it."
        )
    if not 1 <= count <= MAX_PICTURES:
        raise InvalidRequest(f"Generate 1 to {MAX_PICTURES} images at a time.")


def _clean_roles(references: Sequence[Asset], roles: Mapping[int, str]) -> dict[int, str]:
    """Return the role of each reference by the asset's id, "" if it has none. Raises InvalidRequest
    if a role is unknown."""
    for role in roles.values():
        if role and role not in Role.values:
            raise InvalidRequest(
                f"role must be one of {', '.join(Role.values)}.", code="unknown_role"
            )
    return {asset.pk: roles.get(asset.pk, "") for asset in references}


def _check_references(person: permissions.AnyUser, references: Sequence[Asset]) -> None:
    visible = set(
        permissions.assets(person).filter(pk__in=[a.pk for a in references]).values_list("pk")
    )
    for asset in references:
        if (asset.pk,) not in visible:
            raise InvalidRequest(
                "One of the references does not exist. Remove it.", code="unknown_reference"
            )


def _check_rights(sources: Iterable[Asset]) -> None:
    """Raise InvalidRequest if no image may be generated from these assets together."""
    sources = list(dict.fromkeys(sources))
    for asset in sources:
        if refused := terms.usage_problem(asset, derive=True):
            code = "rights_expired" if asset.expired else "rights"
            raise InvalidRequest(refused, code=code)
    if problem := inheritance.no_common_territory(sources):
        raise InvalidRequest(problem, code="rights")
