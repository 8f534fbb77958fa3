"""Whether a generation can be asked for as it is: found out before anything is paid."""

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

MAX_PICTURES = 8  # of one request
MAX_PROMPT_LENGTH = 8_000


def validate_request(
    asked: Generation,
    person: permissions.AnyUser,
    references: Sequence[Asset],
    roles: Mapping[int, str],
) -> dict[int, str]:
    """The role of each reference, by its id. Completes what was asked: its size, what the model
    has no room for, its fingerprint.

    Raises InvalidRequest.
    """
    _check_amounts(asked.prompt, asked.count)
    _check_references(person, references)
    based_on = [output.asset for output in (asked.refines, asked.draft) if output and output.asset]
    _check_rights([*references, *based_on])
    roles = _clean_roles(references, roles)
    if asked.preset_version and not asked.refines:
        presets.check_references(asked.preset_version, roles.values())
    _fit(asked, [compose.NamedReference(asset.title, roles[asset.pk]) for asset in references])
    asked.fingerprint = request_fingerprint(
        brand=asked.brand,
        prompt=asked.prompt,
        aspect_ratio=asked.aspect_ratio,
        references=[(asset.checksum, roles[asset.pk]) for asset in references],
        preset_version=asked.preset_version,
        variables=asked.variables,
        refines=asked.refines,
        draft=asked.draft,
    )
    return roles


def _fit(asked: Generation, references: Sequence[compose.NamedReference]) -> None:
    """To what its model can do."""
    chosen = catalog.get_model(asked.model)
    quotas.require_quota(asked.model)
    fitted = compose.fit_references(references, chosen)
    asked.left_out = list(fitted.left_out)
    asked.image_size = asked.image_size or next(iter(chosen.image_sizes), "")
    catalog.check(
        chosen,
        prompt=asked.prompt,
        aspect_ratio=asked.aspect_ratio,
        image_size=asked.image_size,
        roles=[references[n].role for n in fitted.kept],
        refines=asked.refines is not None,
        in_bulk=bool(asked.batch and asked.batch.in_bulk),
    )


def _check_amounts(prompt: str, count: int) -> None:
    if len(prompt) > MAX_PROMPT_LENGTH:
        raise InvalidRequest(
            f"The prompt has more than {MAX_PROMPT_LENGTH} characters. Shorten it."
        )
    if not 1 <= count <= MAX_PICTURES:
        raise InvalidRequest(f"Generate 1 to {MAX_PICTURES} images at a time.")


def _clean_roles(references: Sequence[Asset], roles: Mapping[int, str]) -> dict[int, str]:
    """The role of each reference, "" where it has none. Raises InvalidRequest."""
    for role in roles.values():
        if role and role not in Role.values:
            raise InvalidRequest(
                f"role must be one of {', '.join(Role.values)}.", code="unknown_role"
            )
    return {asset.pk: roles.get(asset.pk, "") for asset in references}


def _check_references(person: permissions.AnyUser, references: Sequence[Asset]) -> None:
    seen = set(
        permissions.assets(person).filter(pk__in=[a.pk for a in references]).values_list("pk")
    )
    for asset in references:
        if (asset.pk,) not in seen:
            raise InvalidRequest(
                "One of the references does not exist. Remove it.", code="unknown_reference"
            )


def _check_rights(sources: Iterable[Asset]) -> None:
    """Whether a picture may be made of all of these together. Raises InvalidRequest."""
    sources = list(dict.fromkeys(sources))
    for asset in sources:
        if refused := terms.usage_problem(asset, derive=True):
            code = "rights_expired" if asset.expired else "rights"
            raise InvalidRequest(refused, code=code)
    if nowhere := inheritance.no_common_territory(sources):
        raise InvalidRequest(nowhere, code="rights")
