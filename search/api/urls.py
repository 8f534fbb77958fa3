"""Routes of the REST API of search."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from search.api import duplicates, explain, saved_searches, search

router = SimpleRouter(use_regex_path=False)
router.register("assets", search.FoundViewSet, basename="api-asset")
router.register("saved-searches", saved_searches.SavedSearchViewSet, basename="api-saved-search")
router.register(
    "golden-questions", saved_searches.GoldenQuestionViewSet, basename="api-golden-question"
)
urlpatterns = [
    path("search/", search.SearchView.as_view(), name="api-search"),
    path("facets/", search.FacetsView.as_view(), name="api-facets"),
    path("assets/<int:pk>/why/", explain.WhyView.as_view(), name="api-asset-why"),
    path("duplicates/", duplicates.DuplicatesView.as_view(), name="api-duplicates"),
    path("duplicates/merge/", duplicates.MergeView.as_view(), name="api-duplicates-merge"),
    path(
        "duplicates/not-the-same/",
        duplicates.NotTheSameView.as_view(),
        name="api-duplicates-apart",
    ),
    *router.urls,
]
