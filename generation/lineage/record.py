"""Provenance record of an asset: its data, how it was generated, its terms and its decisions.

It is available as JSON for programs, as a page for users, and in a ZIP together with the original.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Sum
from django.template.loader import render_to_string
from django.utils import timezone

from assetbank import permissions
from assetbank.assets import downloads, versions
from assetbank.errors import ProblemError
from assetbank.models import Asset, Decision
from assetbank.rights import provenance
from generation.lineage import graph, quarantine
from generation.models import EngineModel, Generation, LedgerEntry, Output, Take, Withdrawal

VERSION = 1  # Version of the record's format
IN_MEMORY = 8 * 2**20  # bytes of an archive in memory; a larger one goes to disk
TERMS = (
    *("licence", "credit", "expires_on", "derivatives_allowed", "territories"),
    *("consent", "consent_until", "terms_to_check"),
)


def provenance_record(*, asset: Asset, person: permissions.AnyUser) -> dict[str, Any]:
    """Return the record of an asset as far as `person` may know it.

    Assets that they may not view are only counted, and the cost is for managers.
    """
    visible = permissions.assets(person)
    output = (
        Output.objects.filter(asset=asset, generation__brand__in=permissions.brands(person))
        .defer("data")
        .select_related("take", "generation__brand", "generation__created_by")
        .select_related("generation__preset_version")
        .order_by("-pk")
        .first()
    )
    made_with = graph.descendants([asset.pk], in_trash=False)
    known = visible.filter(pk__in=made_with).order_by("pk")
    return {
        "record": VERSION,
        "asset": _facts(asset),
        "terms": _terms(asset),
        "digital_source_type": _source(asset),
        "content_credentials": _credentials(asset),
        "made": _made(output, asset, person) if output else None,
        "made_with_it": [_named(each) for each in known],
        "made_with_it_unseen": len(made_with) - len(known),
        "decisions": _decisions(asset, person),
        "withdrawals": _withdrawals(asset, person),
        "recorded_at": timezone.now(),
    }


def as_json(record: dict[str, Any]) -> str:
    """Return a record as indented JSON."""
    return json.dumps(record, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def as_html(record: dict[str, Any], asset: Asset) -> str:
    """Return a record as one HTML page that loads no other files."""
    return render_to_string("generation/record_file.html", {"record": record, "asset": asset})


def provenance_archive(*, asset: Asset, person: permissions.AnyUser) -> IO[bytes]:
    """Return a ZIP of the original and its record.

    The original is byte for byte what came in, but for coordinates that the user may not have:
    `asset` is one of `permissions.downloadable`.

    Raises NotAllowed and FileMissing.
    """
    downloads.require_download(person, asset)
    record = provenance_record(asset=asset, person=person)
    location = permissions.keeps_location(asset)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the response closes it
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            downloads.original_name(asset), downloads.original_bytes(asset=asset, location=location)
        )
        archive.writestr("record.json", as_json(record))
        archive.writestr("record.html", as_html(record, asset))
    file.seek(0)
    return file


# ------------------------------------------------------------------------ parts of a record


def _facts(asset: Asset) -> dict[str, Any]:
    return {
        "id": asset.pk,
        "title": asset.title,
        "brand": asset.brand.slug,
        "status": asset.status,
        "origin": asset.origin,
        "filename": asset.filename,
        "mime": asset.mime,
        "width": asset.width,
        "height": asset.height,
        "bytes": asset.bytes,
        "sha256": asset.checksum,
        "version": asset.version,
        "added_by": _username(asset.created_by),
        "added_at": asset.created_at,
    }


def _terms(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in TERMS}


def _source(asset: Asset) -> str:
    """Return the URI of an asset's digital source type in the IPTC's vocabulary, "" if it is not
    known."""
    code = asset.digital_source_type
    return provenance.VOCABULARY + code if code else ""


def _credentials(asset: Asset) -> dict[str, Any] | None:
    try:
        found = downloads.read_credentials(asset)
    except ProblemError:  # a record does not require the file
        return None
    return found.as_dict() if found else None


@dataclass(frozen=True)
class _References:
    visible: list[dict[str, Any]]
    hidden: int  # References that the user may not view


def _references(generation: Generation, person: permissions.AnyUser) -> _References:
    rows = list(generation.reference_rows.select_related("asset__brand"))
    pks = [row.asset_id for row in rows if row.asset_id]
    visible_pks = set(permissions.assets(person).filter(pk__in=pks).values_list("pk", flat=True))
    visible = [
        {
            "position": row.position + 1,
            "role": row.role,
            "asset": row.asset_id,  # null if it was deleted
            "title": row.title,
            "sha256": row.checksum,
            "version": row.version,
            "current_version": row.asset.version if row.asset else None,
            "replaced_since": row.replaced_since,
            "terms": _terms(row.asset) if row.asset else None,
        }
        for row in rows
        if row.asset_id is None or row.asset_id in visible_pks
    ]
    return _References(visible, len(rows) - len(visible))


def _made(output: Output, asset: Asset, person: permissions.AnyUser) -> dict[str, Any]:
    generation = output.generation
    references = _references(generation, person)
    engine = EngineModel.objects.filter(pk=generation.model).first()
    version = generation.preset_version
    drawn = versions.with_checksum(asset, output.checksum)
    made: dict[str, Any] = {
        "generation": generation.pk,
        "version": drawn.version if drawn else None,
        "engine": engine.engine if engine else "",
        "model": generation.model,
        "model_name": engine.label if engine else generation.model,
        "model_version": output.take.model_version,
        "response_id": output.take.response_id,
        "prompt": generation.prompt,
        # The full prompt names the references
        "prompt_as_sent": "" if references.hidden else generation.full_prompt,
        "preset": {"slug": version.preset.slug, "version": version.number} if version else None,
        "variables": generation.variables,
        "aspect_ratio": generation.aspect_ratio,
        "image_size": generation.image_size,
        "references": references.visible,
        "references_unseen": references.hidden,
        "left_out": [] if references.hidden else generation.left_out,
        "refines": _earlier(generation.refines_id, person),
        "draft": _earlier(generation.draft_id, person),
        "asked_by": _username(generation.created_by),
        "asked_at": generation.created_at,
        "started_at": generation.started_at,
        "finished_at": generation.finished_at,
    }
    if permissions.can_manage(person, generation.brand):
        made["cost_usd"] = _cost(output.take)
    return made


def _earlier(output_id: int | None, person: permissions.AnyUser) -> dict[str, Any] | None:
    """Return the asset of the output that a generation refined or finalised, as an entry of a
    record; None if the user may not view it."""
    found = permissions.assets(person).filter(made_as=output_id).first() if output_id else None
    return _named(found) if found else None


def _cost(take: Take) -> Decimal | None:
    """Return what the take was charged in US dollars; None if it was free."""
    charged = take.ledger.filter(kind=LedgerEntry.Kind.CHARGED)
    total: Decimal | None = charged.aggregate(total=Sum("usd"))["total"]
    return total


def _decisions(asset: Asset, person: permissions.AnyUser) -> list[dict[str, Any]]:
    """Return the decisions about an asset; viewers get approvals only, and no reasons."""
    is_editor = permissions.can_edit(person, asset.brand)
    return [
        {
            "verdict": each.verdict,
            "by": _username(each.by),
            "at": each.at,
            "reason": each.reason if is_editor else "",
        }
        for each in asset.decisions.select_related("by").order_by("at", "pk")
        if is_editor or each.verdict == Decision.Verdict.APPROVED
    ]


def _withdrawals(asset: Asset, person: permissions.AnyUser) -> list[dict[str, Any]]:
    """Return the withdrawals that quarantined an asset; only their dates if the user may not view
    the source."""
    rows = Withdrawal.objects.filter(quarantined__asset=asset).select_related("by")
    known = quarantine.visible_withdrawals(rows, person)
    return [
        {
            "source": _withdrawn_source(row) if row.pk in known else None,
            "reason": row.reason if row.pk in known else "",
            "by": _username(row.by) if row.pk in known else None,
            "at": row.at,
            "lifted_at": row.lifted_at,
        }
        for row in rows
    ]


def _withdrawn_source(row: Withdrawal) -> dict[str, Any]:
    """Return the source of a withdrawal as it was at that time; its `asset` is null if it was
    deleted since."""
    return {"asset": row.asset_id, "title": row.title, "sha256": row.checksum}


def _named(asset: Asset) -> dict[str, Any]:
    return {"asset": asset.pk, "title": asset.display_title, "sha256": asset.checksum}


def _username(person: Any) -> str | None:
    return person.get_username() if person else None
