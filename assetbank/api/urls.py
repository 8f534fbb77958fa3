"""Routes of the REST API under /api/v1/; `search` routes the assets, since it lists them."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from assetbank.api.brands import BrandViewSet
from assetbank.api.collections import CollectionViewSet
from assetbank.api.decisions import DecisionsView
from assetbank.api.files import CredentialsView, DownloadView
from assetbank.api.health import HealthView
from assetbank.api.history import AssetHistoryView, AssetUndoView, BrandHistoryView
from assetbank.api.notifications import NoticeViewSet

router = SimpleRouter(use_regex_path=False)
router.register("brands", BrandViewSet, basename="api-brand")
router.register("notices", NoticeViewSet, basename="api-notice")
router.register("collections", CollectionViewSet, basename="api-collection")
urlpatterns = [
    path("health/", HealthView.as_view(), name="api-health"),
    path("assets/<int:pk>/download/", DownloadView.as_view(), name="api-asset-download"),
    path("assets/<int:pk>/credentials/", CredentialsView.as_view(), name="api-asset-credentials"),
    path("assets/<int:pk>/decisions/", DecisionsView.as_view(), name="api-asset-decisions"),
    path("assets/<int:pk>/history/", AssetHistoryView.as_view(), name="api-asset-history"),
    path("assets/<int:pk>/history/undo/", AssetUndoView.as_view(), name="api-asset-undo"),
    path("brands/<slug:slug>/history/", BrandHistoryView.as_view(), name="api-brand-history"),
    *router.urls,
]
