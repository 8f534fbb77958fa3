"""Search over REST."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from search.api import duplicates, finding, kept, ledger

router = SimpleRouter(use_regex_path=False)
router.register("assets", finding.FoundViewSet, basename="api-asset")
router.register("saved-searches", kept.SavedSearchViewSet, basename="api-saved-search")
router.register("golden-questions", kept.GoldenQuestionViewSet, basename="api-golden-question")
urlpatterns = [
    path("search/", finding.SearchView.as_view(), name="api-search"),
    path("facets/", finding.FacetsView.as_view(), name="api-facets"),
    path("assets/<int:pk>/why/", ledger.WhyView.as_view(), name="api-asset-why"),
    path("duplicates/", duplicates.DuplicatesView.as_view(), name="api-duplicates"),
    path("duplicates/merge/", duplicates.MergeView.as_view(), name="api-duplicates-merge"),
    path(
        "duplicates/not-the-same/",
        duplicates.NotTheSameView.as_view(),
        name="api-duplicates-apart",
    ),
    *router.urls,
]
