"""Routes of the library's pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from assetbank.views import (
    assets,
    auth,
    collections,
    custom_fields,
    files,
    notifications,
    review,
    trash,
    uploads,
    versions,
)

urlpatterns = [
    path("sign-in/", auth.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("upload/", uploads.upload, name="upload"),
    path("assets/<int:pk>/", assets.asset, name="asset"),
    path("assets/<int:pk>/edit/", assets.edit, name="asset-edit"),
    path("assets/<int:pk>/delete/", assets.delete, name="asset-delete"),
    path("assets/<int:pk>/terms-check/", assets.check_terms, name="asset-check-terms"),
    path("assets/<int:pk>/original/", files.original, name="asset-original"),
    path("assets/<int:pk>/renditions/<slug:name>/", files.rendition, name="asset-rendition"),
    path("assets/<int:pk>/download/", files.download, name="asset-download"),
    path("assets/<int:pk>/credentials/", assets.credentials, name="asset-credentials"),
    path("upload/fields/", custom_fields.upload_inputs, name="upload-fields"),
    path("brands/fields/", custom_fields.of_brands, name="custom-fields"),
    path("brands/<slug:slug>/fields/", custom_fields.of_brand, name="brand-fields"),
    path("brands/<slug:slug>/csv/", custom_fields.import_csv, name="brand-csv"),
    path("brands/<slug:slug>/move-fields/", custom_fields.move, name="brand-fields-move"),
    path("brands/<slug:slug>/fields/<slug:name>/", custom_fields.change, name="brand-field"),
    path(
        "brands/<slug:slug>/fields/<slug:name>/delete/",
        custom_fields.delete,
        name="brand-field-delete",
    ),
    path("assets/<int:pk>/versions/", versions.listed, name="asset-versions"),
    path("assets/<int:pk>/versions/compare/", versions.compare, name="asset-versions-compare"),
    path(
        "assets/<int:pk>/versions/<int:number>/restore/",
        versions.restore,
        name="asset-version-restore",
    ),
    path(
        "assets/<int:pk>/versions/<int:number>/original/",
        files.version_original,
        name="asset-version-original",
    ),
    path(
        "assets/<int:pk>/versions/<int:number>/renditions/<slug:name>/",
        files.version_rendition,
        name="asset-version-rendition",
    ),
    path("notices/", notifications.listed, name="notices"),
    path("notices/count/", notifications.count, name="notices-count"),
    path("review/", review.review, name="review"),
    path("review/count/", review.review_count, name="review-count"),
    path("review/decide/", review.decide, name="decide"),
    path("trash/", trash.trash, name="trash"),
    path("trash/add/", trash.add, name="trash-add"),
    path("trash/restore/", trash.restore, name="trash-restore"),
    path("trash/undo/", trash.undo, name="trash-undo"),
    path("trash/purge/", trash.purge, name="trash-purge"),
    path("collections/", collections.collections, name="collections"),
    path("collections/add/", collections.add, name="collection-add"),
    path("collections/<int:pk>/remove/", collections.remove, name="collection-remove"),
    path("collections/<int:pk>/move/", collections.move, name="collection-move"),
    path("collections/<int:pk>/delete/", collections.delete, name="collection-delete"),
]
