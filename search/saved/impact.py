"""What searches lose when assets are deleted for good."""

from __future__ import annotations

from django.http import QueryDict

from assetbank.models import AssetQuerySet
from search.models import GoldenQuestion, SavedSearch


def deletion_impact(assets: AssetQuerySet) -> list[str]:
    """Return sentences about the relevance test queries that expect these assets, and the saved
    searches that search by them."""
    expecting = GoldenQuestion.objects.filter(expected__in=assets.values("pk")).distinct().count()
    pks = {str(pk) for pk in assets.values_list("pk", flat=True)}
    searches = SavedSearch.objects.filter(
        brand__in=assets.order_by().values("brand"), question__contains="like="
    )
    broken = sum(not pks.isdisjoint(_images(each.question)) for each in searches)
    found = []
    if expecting:
        verb = "query expects" if expecting == 1 else "queries expect"
        found.append(f"{expecting} relevance test {verb} them and will no longer do so.")
    if broken:
        verb = "search searches" if broken == 1 else "searches search"
        found.append(f"{broken} saved {verb} by them and will no longer work.")
    return found


def _images(question: str) -> set[str]:
    """Return the ids of the assets by which a saved query searches."""
    return {text.partition("*")[0] for text in QueryDict(question).getlist("like")}
