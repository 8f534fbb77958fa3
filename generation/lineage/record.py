"""The record of a picture: what it is, how it came to be, under which terms, and who said what. For
programs as JSON, for people as a page, and beside the original in an archive."""

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
from assetbank.assets import downloads, read_original
from assetbank.errors import ProblemError
from assetbank.models import Asset, Decision
from assetbank.rights import provenance
from generation.lineage import graph, quarantine
from generation.models import EngineModel, Generation, LedgerEntry, Output, Take, Withdrawal

VERSION = 1  # of the shape of a record
IN_MEMORY = 8 * 2**20  # bytes of an archive, before it goes to disk
TERMS = (
    *("licence", "credit", "expires_on", "derivatives_allowed", "territories"),
    *("consent", "consent_until"),
)


def provenance_record(*, asset: Asset, person: permissions.AnyUser) -> dict[str, Any]:
    """As `person` may know it: of pictures that they may not see there is only the number, and what
    it cost is for managers."""
    seen = permissions.assets(person)
    output = (
        Output.objects.filter(asset=asset, generation__brand__in=permissions.brands(person))
        .defer("data")
        .select_related("take", "generation__brand", "generation__created_by")
        .select_related("generation__preset_version")
        .order_by("-pk")
        .first()
    )
    made_with = graph.descendants([asset.pk])
    known = seen.filter(pk__in=made_with).order_by("pk")
    return {
        "record": VERSION,
        "asset": _facts(asset),
        "terms": _terms(asset),
        "digital_source_type": _source(asset),
        "content_credentials": _credentials(asset),
        "made": _made(output, person) if output else None,
        "made_with_it": [_named(each) for each in known],
        "made_with_it_unseen": len(made_with) - len(known),
        "decisions": _decisions(asset, person),
        "withdrawals": _withdrawals(asset, person),
        "recorded_at": timezone.now(),
    }


def as_json(record: dict[str, Any]) -> str:
    return json.dumps(record, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def as_html(record: dict[str, Any], asset: Asset) -> str:
    """A page by itself: nothing else is fetched for it."""
    return render_to_string("generation/record_file.html", {"record": record, "asset": asset})


def provenance_archive(*, asset: Asset, person: permissions.AnyUser) -> IO[bytes]:
    """A ZIP of the original, byte for byte, and its record. Raises NotAllowed and FileMissing."""
    downloads.require_download(person, asset)
    said = provenance_record(asset=asset, person=person)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the response closes it
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(downloads.original_name(asset), read_original(asset))
        packed.writestr("record.json", as_json(said))
        packed.writestr("record.html", as_html(said, asset))
    file.seek(0)
    return file


# ------------------------------------------------------------------------ its parts


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
        "added_by": _who(asset.created_by),
        "added_at": asset.created_at,
    }


def _terms(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in TERMS}


def _source(asset: Asset) -> str:
    word = asset.digital_source_type
    return provenance.VOCABULARY + word if word else ""


def _credentials(asset: Asset) -> dict[str, Any] | None:
    try:
        found = downloads.read_credentials(asset)
    except ProblemError:  # the record is there without its file, too
        return None
    return found.as_dict() if found else None


@dataclass(frozen=True)
class _References:
    told: list[dict[str, Any]]
    unseen: int  # how many the person may not see


def _references(generation: Generation, person: permissions.AnyUser) -> _References:
    rows = list(generation.reference_rows.select_related("asset__brand"))
    pks = [row.asset_id for row in rows if row.asset_id]
    seen = set(permissions.assets(person).filter(pk__in=pks).values_list("pk", flat=True))
    told = [
        {
            "position": row.position + 1,
            "role": row.role,
            "asset": row.asset_id,  # null: deleted since
            "title": row.title,
            "sha256": row.checksum,
            "terms": _terms(row.asset) if row.asset else None,
        }
        for row in rows
        if row.asset_id is None or row.asset_id in seen
    ]
    return _References(told, len(rows) - len(told))


def _made(output: Output, person: permissions.AnyUser) -> dict[str, Any]:
    generation = output.generation
    references = _references(generation, person)
    engine = EngineModel.objects.filter(pk=generation.model).first()
    version = generation.preset_version
    made = {
        "generation": generation.pk,
        "engine": engine.engine if engine else "",
        "model": generation.model,
        "model_name": engine.label if engine else generation.model,
        "model_version": output.take.model_version,
        "response_id": output.take.response_id,
        "prompt": generation.prompt,
        # it names the references
        "prompt_as_sent": "" if references.unseen else generation.full_prompt,
        "preset": {"slug": version.preset.slug, "version": version.number} if version else None,
        "variables": generation.variables,
        "aspect_ratio": generation.aspect_ratio,
        "image_size": generation.image_size,
        "references": references.told,
        "references_unseen": references.unseen,
        "left_out": [] if references.unseen else generation.left_out,
        "refines": _earlier(generation.refines_id, person),
        "draft": _earlier(generation.draft_id, person),
        "asked_by": _who(generation.created_by),
        "asked_at": generation.created_at,
        "started_at": generation.started_at,
        "finished_at": generation.finished_at,
    }
    if permissions.can_manage(person, generation.brand):
        made["cost_usd"] = _cost(output.take)
    return made


def _earlier(output_id: int | None, person: permissions.AnyUser) -> dict[str, Any] | None:
    """The picture of an earlier generation that this one goes on from."""
    found = permissions.assets(person).filter(made_as=output_id).first() if output_id else None
    return _named(found) if found else None


def _cost(take: Take) -> Decimal | None:
    """Of the answer that this picture came with."""
    charged = take.ledger.filter(kind=LedgerEntry.Kind.CHARGED)
    total: Decimal | None = charged.aggregate(total=Sum("usd"))["total"]
    return total


def _decisions(asset: Asset, person: permissions.AnyUser) -> list[dict[str, Any]]:
    """Viewers read that it was approved; what was said about it is for those who work on it."""
    works_on_it = permissions.can_edit(person, asset.brand)
    return [
        {
            "verdict": each.verdict,
            "by": _who(each.by),
            "at": each.at,
            "reason": each.reason if works_on_it else "",
        }
        for each in asset.decisions.select_related("by").order_by("at", "pk")
        if works_on_it or each.verdict == Decision.Verdict.APPROVED
    ]


def _withdrawals(asset: Asset, person: permissions.AnyUser) -> list[dict[str, Any]]:
    """That put this picture aside; of a source that the person may not see only when."""
    rows = Withdrawal.objects.filter(quarantined__asset=asset).select_related("by")
    known = quarantine.visible_withdrawals(rows, person)
    return [
        {
            "source": _withdrawn(row) if row.pk in known else None,
            "reason": row.reason if row.pk in known else "",
            "by": _who(row.by) if row.pk in known else None,
            "at": row.at,
            "lifted_at": row.lifted_at,
        }
        for row in rows
    ]


def _withdrawn(row: Withdrawal) -> dict[str, Any]:
    """The source as it was; `asset` is null where it was deleted since."""
    return {"asset": row.asset_id, "title": row.title, "sha256": row.checksum}


def _named(asset: Asset) -> dict[str, Any]:
    return {"asset": asset.pk, "title": asset.title, "sha256": asset.checksum}


def _who(person: Any) -> str | None:
    return person.get_username() if person else None
