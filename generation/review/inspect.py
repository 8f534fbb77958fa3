"""Every output is looked at once it is in the library and has its vector: against the palette, the
approved words, its references, and what the library had before.

What is found is a list of plain sentences. It stops nothing, unless the brand's rules say that a
picture with such a finding cannot be approved. A check that breaks leaves a finding that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from assetbank import permissions
from assetbank.assets import open_rendition
from assetbank.errors import ProblemError
from assetbank.media import images
from assetbank.models import Asset, Brand
from generation.models import BrandRules, Finding, Output, Reference
from generation.review import fidelity, ocr, palette
from search.duplicates import detect
from search.models import Embedding, Likeness
from search.query import regions

logger = logging.getLogger(__name__)

WAITING = "It is still being checked against the brand's rules. Try again in a moment."
LOOKED_AT = 1600  # pixels of the longest side, as in the preview
SKETCH = "sketch"  # its pictures are lettered with the prompt and show every reference
MAX_NAMED = 6  # words that a sentence lists

Code = Finding.Code


# ------------------------------------------------------------------------ asked by others


def approval_blockers(asset: Asset) -> list[str]:
    """Why this asset cannot be approved, in sentences: what its brand does not let pass."""
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
    """As which output the studio made it; the last one, should it have made it twice."""
    return Output.objects.filter(asset=asset).defer("data").order_by("-pk").first()


def inspect_again(*, person: permissions.AnyUser, outputs: QuerySet[Output], brand: Brand) -> int:
    """Have these outputs of the brand checked anew, by its rules as they are now. Returns how
    many. Raises NotAllowed."""
    permissions.require_editor(person, brand)
    theirs = outputs.filter(generation__brand=brand).exclude(asset=None)
    return theirs.update(inspected_at=None)


# ------------------------------------------------------------------------ looking


def inspect_pending(*, stop: Callable[[], bool] = lambda: False) -> int:
    """Inspect what is ready and was not inspected yet, until `stop()`; returns how many."""
    done = 0
    for pk in list(ready_to_inspect().values_list("pk", flat=True)):
        if stop():
            break
        output = Output.objects.defer("data").select_related("asset__brand", "generation")
        if row := output.filter(pk=pk).exclude(asset=None).first():
            inspect(row)
            done += 1
    return done


def ready_to_inspect() -> QuerySet[Output]:
    """Outputs to inspect whose assets have been indexed, or never will be."""
    settled = (
        Embedding.objects.in_active_space()
        .filter(asset_id=OuterRef("asset_id"))
        .exclude(state__in=[Embedding.State.PENDING, Embedding.State.REMOVING])
    )
    waiting = Output.objects.filter(inspected_at=None).exclude(asset=None)
    return waiting.filter(Exists(settled)).order_by("pk")


def inspect(output: Output) -> list[Finding]:
    """Look, and replace what was found before."""
    asset = output.asset
    assert asset is not None
    found: list[Finding] = []
    for check, what in CHECKS:
        try:
            found += check(output, asset)
        except ProblemError as error:
            found.append(_unchecked(output, what, error.message))
        except Exception:  # of somebody else's model or a picture nobody thought of
            logger.exception("%s of output %d", what, output.pk)
            found.append(_unchecked(output, what, "Something broke; the log says what."))
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
        picture = images.load_rgb(file, side=palette.SIDE)
    found = palette.off_palette(picture, asset.brand.palette)
    if found is None:
        return []
    sentence = palette.off_palette_sentence(found)
    return [Finding(output=output, code=Code.PALETTE, sentence=sentence, measured=found.share)]


def _words(output: Output, asset: Asset) -> list[Finding]:
    """A sketch is lettered with its prompt, which says nothing about the picture to come."""
    if not ocr.is_installed() or asset.engine_model == SKETCH:
        return []
    with open_rendition(asset=asset, name="preview") as file:
        picture = images.load_rgb(file, side=LOOKED_AT)
    strange = ocr.unapproved_words(ocr.read_words(picture) or [], _approved(output, asset.brand))
    if not strange:
        return []
    quoted = ", ".join(f"“{word}”" for word in strange[:MAX_NAMED])
    more = f" and {len(strange) - MAX_NAMED} more" if len(strange) > MAX_NAMED else ""
    stands = "It reads" if len(strange) == 1 else "Words can be read in it:"
    approved = "which is not an approved word" if len(strange) == 1 else "none of them approved"
    sentence = f"{stands} {quoted}{more}, {approved}."[:500]
    return [Finding(output=output, code=Code.WORDS, sentence=sentence, measured=len(strange))]


def _approved(output: Output, brand: Brand) -> list[str]:
    """Also what stands on the products themselves, as far as their titles tell."""
    rules = BrandRules.objects.filter(brand=brand).first()
    titles = output.generation.reference_rows.values_list("title", flat=True)
    return [brand.name, *titles, *(rules.approved_words if rules else [])]


def _references(output: Output, asset: Asset) -> list[Finding]:
    rows = fidelity.checked_references(output.generation.reference_rows.select_related("asset"))
    if not rows or asset.engine_model == SKETCH:  # which pastes all of them
        return []
    with open_rendition(asset=asset, name="preview") as file:
        picture = images.load_rgb(file, side=regions.SIDE)
    return [
        Finding(
            output=output,
            code=Code.IGNORED,
            sentence=f"{_named(row, asset)} cannot be recognised in it; it may have been ignored.",
            measured=odds,
            reference=row,
        )
        for row, odds in fidelity.unused_references(picture, rows)
    ]


def _named(row: Reference, asset: Asset) -> str:
    """Its title only within the brand: who reads this may not see what belongs to another."""
    if row.asset and row.asset.brand_id == asset.brand_id:
        return f"Reference {row.position + 1}, “{row.title}”,"
    return f"Reference {row.position + 1}"


def _near_duplicates(output: Output, asset: Asset) -> list[Finding]:
    """Except of the pictures that it goes on from, which it should look like."""
    if detect.uncompared_assets(asset.brand).filter(pk=asset.pk).exists():
        detect.compare_asset(asset)
    came_from = Q(finals=output.generation) | Q(refined_in=output.generation)
    expected = set(Output.objects.filter(came_from).values_list("asset_id", flat=True))
    references = set(output.generation.reference_rows.values_list("asset_id", flat=True))
    alike = Likeness.objects.filter(Q(first=asset) | Q(second=asset)).select_related(
        "first", "second"
    )
    found = []
    for pair in alike.order_by("-score"):
        other = pair.second if pair.first_id == asset.pk else pair.first
        # of two outputs that are alike, the later one is told
        if other.pk in expected or other.pk > asset.pk or other.status == Asset.Status.ARCHIVED:
            continue
        sentence = f"Nearly the same picture is in the library: “{other.title}” (asset {other.pk})."
        if other.pk in references:
            sentence = f"It is nearly the same picture as its reference “{other.title}”."
        finding = Finding(
            output=output, code=Code.DUPLICATE, sentence=sentence, measured=pair.score
        )
        found.append(finding)
    return found[:3]


Check = Callable[[Output, Asset], list[Finding]]
CHECKS: Iterable[tuple[Check, str]] = (
    (_palette, "Its colours"),
    (_words, "The words in it"),
    (_references, "Whether its references were followed"),
    (_near_duplicates, "Whether the library has it already"),
)
