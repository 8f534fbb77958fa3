"""Routes of the REST API under /api/v1/; `search` routes the assets, since it lists them."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from assetbank.api.brands import BrandViewSet
from assetbank.api.collections import CollectionViewSet
from assetbank.api.custom_fields import CustomFieldsView, CustomFieldView
from assetbank.api.decisions import DecisionsView, TermsCheckView
from assetbank.api.files import CredentialsView, DownloadView
from assetbank.api.health import HealthView
from assetbank.api.history import AssetHistoryView, AssetUndoView, BrandHistoryView
from assetbank.api.notifications import NoticeViewSet
from assetbank.api.trash import RestoreView, TrashViewSet
from assetbank.api.versions import RestoreVersionView, VersionsView, VersionView

router = SimpleRouter(use_regex_path=False)
router.register("brands", BrandViewSet, basename="api-brand")
router.register("notices", NoticeViewSet, basename="api-notice")
router.register("collections", CollectionViewSet, basename="api-collection")
router.register("trash", TrashViewSet, basename="api-trash")
urlpatterns = [
    path("health/", HealthView.as_view(), name="api-health"),
    path("assets/<int:pk>/download/", DownloadView.as_view(), name="api-asset-download"),
    path("assets/<int:pk>/credentials/", CredentialsView.as_view(), name="api-asset-credentials"),
    path("assets/<int:pk>/decisions/", DecisionsView.as_view(), name="api-asset-decisions"),
    path("assets/<int:pk>/versions/", VersionsView.as_view(), name="api-asset-versions"),
    path("assets/<int:pk>/versions/<int:number>/", VersionView.as_view(), name="api-asset-version"),
    path(
        "assets/<int:pk>/versions/<int:number>/restore/",
        RestoreVersionView.as_view(),
        name="api-asset-version-restore",
    ),
    path("assets/<int:pk>/terms-check/", TermsCheckView.as_view(), name="api-asset-terms-check"),
    path("brands/<slug:slug>/fields/", CustomFieldsView.as_view(), name="api-brand-fields"),
    path(
        "brands/<slug:slug>/fields/<slug:name>/",
        CustomFieldView.as_view(),
        name="api-brand-field",
    ),
    path("assets/<int:pk>/restore/", RestoreView.as_view(), name="api-asset-restore"),
    path("assets/<int:pk>/history/", AssetHistoryView.as_view(), name="api-asset-history"),
    path("assets/<int:pk>/history/undo/", AssetUndoView.as_view(), name="api-asset-undo"),
    path("brands/<slug:slug>/history/", BrandHistoryView.as_view(), name="api-brand-history"),
    *router.urls,
]
