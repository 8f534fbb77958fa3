"""Pages about duplicates: groups of images to merge or to dismiss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.assets import merge as merging
from assetbank.errors import InvalidAsset
from assetbank.http import PageRequest
from assetbank.models import Asset, Brand
from assetbank.rights import terms
from assetbank.text import parse_id, parse_ids
from search.duplicates import detect, dismissals
from search.duplicates import groups as duplicate_groups

MAX_ASSETS = 100  # assets per request, since each is compared with each
FILLED = {  # field that a merge fills -> its name on the page, beyond those with a sentence each
    "headline": "headline",
    "alt_text": "alt text",
    "extended_description": "extended description",
    "creator": "creator",
    "copyright": "copyright notice",
    "usage_terms": "usage terms",
    "licensor_url": "licensor",
    "rating": "rating",
    "captured_at": "date of capture",
    "city": "city",
    "country": "country",
    "latitude": "position",
}
DONE = "duplicates_done"  # session key: the user's last action, for undo


@dataclass(frozen=True)
class Copy:
    """One image of a group, with the places where it is used."""

    asset: Asset
    uses: list[str]


@dataclass(frozen=True)
class Row:
    """One group, with the actions that the user may take."""

    group: duplicate_groups.Group
    copies: list[Copy]
    may_merge: bool
    may_tell_apart: bool


@login_required
@require_safe
def duplicate_groups_page(request: PageRequest) -> HttpResponse:
    """Show groups: of the brand with the slug `brand`, only of `asset`, or from `before` on."""
    brands, brand = permissions.brands(request.user), _slug(request.GET)
    chosen = brands.filter(slug=brand) if brand else brands
    asset = parse_id(request.GET.get("asset", ""))
    dismissed: dict[str, Any] = {}
    if asset:
        shown = get_object_or_404(
            permissions.assets(request.user).select_related("brand"), pk=asset
        )
        group = duplicate_groups.group_of(
            shown, visible=duplicate_groups.visible_assets(request.user)
        )
        page = duplicate_groups.Page([group] if group else [], int(bool(group)))
        dismissed["apart"] = dismissals.dismissed_duplicates(shown, _visible_assets(request))[
            : duplicate_groups.MAX_SHOWN
        ]
        dismissed["may_take_back"] = permissions.can_edit(request.user, shown.brand)
    else:
        before = parse_id(request.GET.get("before", "")) or None
        visible = duplicate_groups.visible_assets(request.user)
        page = duplicate_groups.page(chosen, visible=visible, before=before)
    context = {
        "page": page,
        "rows": _rows(request, page.groups),
        "brands": list(brands),
        "brand": brand,
        "asset": asset,
        "waiting": detect.uncompared_assets().filter(brand__in=chosen).count(),
        "done": request.session.get(DONE) if "done" in request.GET else None,
        **dismissed,
    }
    response = render(request, "search/duplicates.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_safe
def compare(request: PageRequest) -> HttpResponse:
    """Show two assets (`asset`, twice) side by side."""
    pair = _assets(request, request.GET.getlist("asset"))
    if len(pair) != 2:
        raise InvalidAsset("Choose two assets to compare.")
    group = duplicate_groups.Group(pair, "", 2)
    (row,) = _rows(request, [group])
    return render(request, "search/duplicates_compare.html", {"row": row, "copies": row.copies})


@login_required
@require_POST
def merge(request: PageRequest) -> HttpResponse:
    """Merge all of `asset` into `keep`; show a confirmation unless `sure` is sent."""
    assets = _assets(request, request.POST.getlist("asset"))
    chosen = parse_id(request.POST.get("keep", ""))
    keep = next((one for one in assets if one.pk == chosen), None)
    if keep is None:
        raise InvalidAsset("Choose the asset to keep.")
    permissions.require_manager(request.user, keep.brand)
    others = [asset for asset in assets if asset != keep]
    if "sure" not in request.POST:
        gets, draft = merging.preview_merge(keep, others), keep.status == Asset.Status.DRAFT
        context = {
            "keep": keep,
            "others": _copies(others),
            "gets": gets,
            "filled": [FILLED[name] for name in FILLED if gets.fields.get(name) not in (None, "")],
            "nowhere": gets.fields.get("territories") == terms.NOWHERE,
            "hides": draft and any(a.status == Asset.Status.APPROVED for a in others),
            "brand": request.POST.get("brand", ""),
        }
        return render(request, "search/duplicates_merge.html", context)
    merged = merging.merge_assets(keep=keep, others=others, by=request.user)
    done = {"kept": keep.pk, "title": str(keep)}
    return _done(request, done | {"archived": list(merged.archived.items())})


@login_required
@require_POST
def not_the_same(request: PageRequest) -> HttpResponse:
    """Record that all of `asset` are different images, or that `one` differs from the others."""
    assets = _assets(request, request.POST.getlist("asset"))
    given = parse_id(request.POST.get("one", ""))
    one = next((asset for asset in assets if asset.pk == given), None)
    if given and one is None:
        get_object_or_404(Asset.objects.none())
    for asset in assets:
        permissions.require_editor(request.user, asset.brand)
    dismissed = dismissals.dismiss(assets, one=one, by=request.user)
    return _done(request, {"said": dismissed, "title": str(one) if one else ""})


@login_required
@require_POST
def the_same(request: PageRequest) -> HttpResponse:
    """Delete the dismissal of the two in `asset`, of any user."""
    pair = _assets(request, request.POST.getlist("asset"))
    if len(pair) != 2:
        raise InvalidAsset("Choose two assets.")
    for asset in pair:
        permissions.require_editor(request.user, asset.brand)
    if dismissals.undo_dismissal([dismissals.pair(*pair)]):
        messages.success(request, "Undone: they are suggested again if they look the same.")
    return HttpResponseRedirect(f"{reverse('duplicates')}?asset={pair[0].pk}")


@login_required
@require_POST
def undo(request: PageRequest) -> HttpResponse:
    """Undo the user's last action.

    A dismissal is deleted; merged assets leave the archive with their previous status, while what
    was moved to the merged asset stays there.
    """
    done = request.session.pop(DONE, {})
    if dismissed := done.get("said"):
        dismissals.undo_dismissal([(first, second) for first, second in dismissed], by=request.user)
        messages.success(request, "Undone: they are possible duplicates again.")
    if archived := dict(done.get("archived", [])):
        back = merging.undo_merge(archived, by=request.user)
        sentence = "Restored from the archive." if back else "They are no longer archived."
        messages.success(request, sentence)
    return HttpResponseRedirect(_address(request))


# ------------------------------------------------------------------------ fragments


@login_required
@require_safe
def duplicates_count(request: PageRequest) -> HttpResponse:
    """Render the count next to "Duplicates", fetched when the menu is opened."""
    number = duplicate_groups.count(
        permissions.brands(request.user), visible=duplicate_groups.visible_assets(request.user)
    )
    response = HttpResponse(f'<span class="badge">{number}</span>' if number else "")
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_safe
def asset_duplicates(request: PageRequest, pk: int) -> HttpResponse:
    """Render an asset's duplicates for its page; empty if there are none."""
    asset = get_object_or_404(_visible_assets(request), pk=pk)
    group = duplicate_groups.group_of(asset, visible=duplicate_groups.visible_assets(request.user))
    apart = dismissals.dismissed_duplicates(asset, _visible_assets(request)).count()
    context = {"asset": asset, "group": group, "apart": apart}
    response = render(request, "search/_duplicates_of.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


# ------------------------------------------------------------------------ shared by the pages


def _rows(request: PageRequest, groups: list[duplicate_groups.Group]) -> list[Row]:
    uses = merging.references_to([asset for group in groups for asset in group.assets])
    manages = _ids(permissions.brands(request.user, *permissions.MANAGERS))
    creates = _ids(permissions.brands(request.user, *permissions.EDITORS))
    return [
        Row(
            group,
            [Copy(asset, uses.get(asset.pk, [])) for asset in group.assets],
            group.best.brand_id in manages,
            group.best.brand_id in creates,
        )
        for group in groups
    ]


def _copies(assets: list[Asset]) -> list[Copy]:
    uses = merging.references_to(assets)
    return [Copy(asset, uses.get(asset.pk, [])) for asset in assets]


def _ids(brands: QuerySet[Brand]) -> set[int]:
    return set(brands.values_list("pk", flat=True))


def _visible_assets(request: PageRequest) -> Any:
    return permissions.assets(request.user).with_tags().select_related("brand")


def _assets(request: PageRequest, given: list[str]) -> list[Asset]:
    """Return the assets in the order of the request; 404 if one is not visible.

    Raises InvalidAsset for more than MAX_ASSETS.
    """
    if len(set(given)) > MAX_ASSETS:
        raise InvalidAsset(f"Too many assets: choose at most {MAX_ASSETS} at once.")
    ids = parse_ids(given)
    found: dict[int, Asset] = _visible_assets(request).in_bulk(ids)
    if len(found) < len(set(given)):
        get_object_or_404(Asset.objects.none())
    return [found[pk] for pk in ids]


def _slug(given: QueryDict) -> str:
    return str(given.get("brand", "")).replace("\x00", "\ufffd")  # PostgreSQL takes no NUL


def _done(request: PageRequest, done: dict[str, Any]) -> HttpResponse:
    """Store the action in the session, for `undo`, and redirect to the page of duplicates."""
    request.session[DONE] = done
    return HttpResponseRedirect(_address(request, "done=1"))


def _address(request: PageRequest, *parameters: str) -> str:
    """Return the page's address, of the brand that the user came from."""
    brand = permissions.brands(request.user).filter(slug=_slug(request.POST)).first()
    if brand:
        parameters = (f"brand={brand.slug}", *parameters)
    return "?".join(filter(None, [reverse("duplicates"), "&".join(parameters)]))
