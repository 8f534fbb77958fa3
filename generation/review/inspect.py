"""The brand check: each output, once its asset is indexed, is checked for the brand's palette,
approved words, unused references, and near-duplicates in the library.

Its findings are sentences. They block nothing, unless the brand's rules list their code as blocking
approval. A check that fails leaves a finding that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from assetbank import permissions
from assetbank.assets import open_rendition
from assetbank.errors import ProblemError
from assetbank.media import decoder
from assetbank.models import Asset, AssetVersion, Brand
from generation.models import BrandRules, Finding, Output, Reference
from generation.review import fidelity, ocr, palette
from search.duplicates import detect
from search.models import DuplicatePair, Embedding
from search.query import regions

logger = logging.getLogger(__name__)

WAITING = "The brand check is still running. Retry in a moment."
SIDE = 1600  # longest side in pixels of the image that is checked, as of the preview
SKETCH = "sketch"  # engine whose images are lettered with the prompt and show every reference
MAX_NAMED = 6  # words that a finding lists

Code = Finding.Code


# ------------------------------------------------------------------------ for approval


def approval_blockers(asset: Asset) -> list[str]:
    """Return why this asset cannot be approved, in sentences: its findings of a blocking code."""
    output = output_of(asset)
    if output is None:
        return []
    rules = BrandRules.objects.filter(brand_id=asset.brand_id).first()
    if rules is None or not rules.blocking:
        return []
    if output.inspected_at is None:
        return [WAITING]
    found = output.findings.filter(code__in=rules.blocking)
    return list(found.values_list("sentence", flat=True))


def output_of(asset: Asset) -> Output | None:
    """Return the output that is this asset, if it was generated; the last one of several."""
    return Output.objects.filter(asset=asset).defer("data").order_by("-pk").first()


def inspect_again(*, person: permissions.AnyUser, outputs: QuerySet[Output], brand: Brand) -> int:
    """Queue those of `outputs` that belong to `brand` for a check by its present rules; return
    their number. Raises NotAllowed."""
    permissions.require_editor(person, brand)
    checked = outputs.filter(generation__brand=brand).exclude(asset=None)
    return checked.update(inspected_at=None)


def inspect_replaced(asset: Asset, before: AssetVersion) -> None:
    """Queue a generated asset whose file was replaced for another check: its findings are about the
    earlier file."""
    Output.objects.filter(asset=asset).update(inspected_at=None)


def trash_changed(assets: Sequence[int]) -> None:
    """Check outputs again whose findings name one of these assets, given by id, or would name it:
    they were moved to the trash or restored. Findings that name one are deleted at once."""
    pairs = DuplicatePair.objects.filter(Q(first__in=assets) | Q(second__in=assets))
    alike = {pk for pair in pairs.values_list("first", "second") for pk in pair}
    outputs = Output.objects.exclude(asset=None).order_by()
    similar = outputs.filter(asset__in=alike)
    using = outputs.filter(generation__reference_rows__asset__in=assets)
    concerned = list({*similar.values_list("pk", flat=True), *using.values_list("pk", flat=True)})
    named = Q(code=Code.DUPLICATE) | Q(reference__asset__in=assets)
    Finding.objects.filter(named, output__in=concerned).delete()
    Output.objects.filter(pk__in=concerned).update(inspected_at=None)


# ------------------------------------------------------------------------ checking


def inspect_pending(*, stop: Callable[[], bool] = lambda: False) -> int:
    """Check the outputs that are ready until `stop()` returns True; return their number."""
    inspected = 0
    for pk in list(ready_to_inspect().values_list("pk", flat=True)):
        if stop():
            break
        output = Output.objects.defer("data").select_related("asset__brand", "generation")
        if row := output.filter(pk=pk).exclude(asset=None).first():
            inspect(row)
            inspected += 1
    return inspected


def ready_to_inspect() -> QuerySet[Output]:
    """Return unchecked outputs whose assets are indexed, or cannot be indexed."""
    settled = (
        Embedding.objects.in_active_space()
        .filter(asset_id=OuterRef("asset_id"))
        .exclude(state__in=[Embedding.State.PENDING, Embedding.State.REMOVING])
    )
    waiting = Output.objects.filter(inspected_at=None, asset__deleted_at=None).exclude(asset=None)
    return waiting.filter(Exists(settled)).order_by("pk")


def inspect(output: Output) -> list[Finding]:
    """Check an output and replace its findings; return the new ones."""
    asset = output.asset
    assert asset is not None
    found: list[Finding] = []
    for check, what in CHECKS:
        try:
            found += check(output, asset)
        except ProblemError as error:
            found.append(_unchecked(output, what, error.message))
        except Exception:  # from an OCR model, or an unexpected image
            logger.exception("%s of output %d", what, output.pk)
            found.append(_unchecked(output, what, "An unexpected error occurred; see the log."))
    with transaction.atomic():
        rows = Output.objects.select_for_update(of=("self",)).defer("data")
        locked = rows.filter(pk=output.pk).first()
        if locked is None or locked.asset_id != asset.pk:
            return []
        locked.findings.all().delete()
        Finding.objects.bulk_create(found)
        locked.inspected_at = timezone.now()
        locked.save(update_fields=["inspected_at"])
    return found


def _unchecked(output: Output, what: str, why: str) -> Finding:
    sentence = f"{what} could not be checked: {why}"[:500]
    return Finding(output=output, code=Code.UNCHECKED, sentence=sentence)


def _palette(output: Output, asset: Asset) -> list[Finding]:
    if not asset.brand.palette:
        return []
    with open_rendition(asset=asset, name="grid") as file:
        picture = decoder.load_rgb(file, side=palette.SIDE)
    found = palette.off_palette(picture, asset.brand.palette)
    if found is None:
        return []
    sentence = palette.off_palette_sentence(found)
    return [Finding(output=output, code=Code.PALETTE, sentence=sentence, measured=found.share)]


def _words(output: Output, asset: Asset) -> list[Finding]:
    """Return the finding about words in an image that the brand has not approved, if any. A sketch
    is lettered with its prompt, and is not checked."""
    if not ocr.is_installed() or asset.engine_model == SKETCH:
        return []
    with open_rendition(asset=asset, name="preview") as file:
        picture = decoder.load_rgb(file, side=SIDE)
    strange = ocr.unapproved_words(ocr.read_words(picture) or [], _approved(output, asset.brand))
    if not strange:
        return []
    quoted = ", ".join(f"“{word}”" for word in strange[:MAX_NAMED])
    more = f" and {len(strange) - MAX_NAMED} more" if len(strange) > MAX_NAMED else ""
    approved = (
        "which is not approved text" if len(strange) == 1 else "none of which is approved text"
    )
    sentence = f"The image contains {quoted}{more}, {approved}."[:500]
    return [Finding(output=output, code=Code.WORDS, sentence=sentence, measured=len(strange))]


def _approved(output: Output, brand: Brand) -> list[str]:
    """Return the words that may stand in an output: the approved words of the brand, its name, and
    the titles of the references, because products may carry these."""
    rules = BrandRules.objects.filter(brand=brand).first()
    titles = output.generation.reference_rows.values_list("title", flat=True)
    return [brand.name, *titles, *(rules.approved_words if rules else [])]


def _references(output: Output, asset: Asset) -> list[Finding]:
    rows = fidelity.checked_references(output.generation.reference_rows.select_related("asset"))
    if not rows or asset.engine_model == SKETCH:  # a sketch shows all of them
        return []
    with open_rendition(asset=asset, name="preview") as file:
        picture = decoder.load_rgb(file, side=regions.SIDE)
    return [
        Finding(
            output=output,
            code=Code.IGNORED,
            sentence=f"{_named(row, asset)} cannot be recognised in the image; the model may have "
            "ignored it.",
            measured=odds,
            reference=row,
        )
        for row, odds in fidelity.unused_references(picture, rows)
    ]


def _named(row: Reference, asset: Asset) -> str:
    """Return a reference as a finding names it: by its number, and by its title if it belongs to
    the brand of `asset`, because readers of the finding may not view assets of other brands."""
    if row.asset and row.asset.brand_id == asset.brand_id:
        return f"Reference {row.position + 1}, “{row.title}”,"
    return f"Reference {row.position + 1}"


def _near_duplicates(output: Output, asset: Asset) -> list[Finding]:
    """Return findings about at most three near-duplicates of an output in the library, without the
    drafts and outputs that it was made from, which it should resemble."""
    if detect.uncompared_assets(asset.brand).filter(pk=asset.pk).exists():
        detect.compare_asset(asset)
    is_source = Q(finals=output.generation) | Q(refined_in=output.generation)
    expected = set(Output.objects.filter(is_source).values_list("asset_id", flat=True))
    references = set(output.generation.reference_rows.values_list("asset_id", flat=True))
    pairs = DuplicatePair.objects.filter(Q(first=asset) | Q(second=asset)).select_related(
        "first", "second"
    )
    found = []
    for pair in pairs.order_by("-score"):
        other = pair.second if pair.first_id == asset.pk else pair.first
        # of two outputs that are near-duplicates, the later one has the finding
        if other.pk in expected or other.pk > asset.pk or other.in_trash:
            continue
        if other.status == Asset.Status.ARCHIVED:
            continue
        sentence = f"A near-duplicate is in the library: “{other.title}” (asset {other.pk})."
        if other.pk in references:
            sentence = f"The image is a near-duplicate of its reference “{other.title}”."
        finding = Finding(
            output=output, code=Code.DUPLICATE, sentence=sentence, measured=pair.score
        )
        found.append(finding)
    return found[:3]


Check = Callable[[Output, Asset], list[Finding]]
CHECKS: Iterable[tuple[Check, str]] = (
    (_palette, "The palette"),
    (_words, "The text in the image"),
    (_references, "The use of references"),
    (_near_duplicates, "Duplicates in the library"),
)
