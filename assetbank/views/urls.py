"""Routes of the library's pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from assetbank.views import (
    assets,
    auth,
    collections,
    files,
    history,
    notifications,
    review,
    uploads,
)

urlpatterns = [
    path("sign-in/", auth.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("upload/", uploads.upload, name="upload"),
    path("assets/<int:pk>/", assets.asset, name="asset"),
    path("assets/<int:pk>/edit/", assets.edit, name="asset-edit"),
    path("assets/<int:pk>/delete/", assets.delete, name="asset-delete"),
    path("assets/<int:pk>/original/", files.original, name="asset-original"),
    path("assets/<int:pk>/renditions/<slug:name>/", files.rendition, name="asset-rendition"),
    path("assets/<int:pk>/download/", files.download, name="asset-download"),
    path("assets/<int:pk>/credentials/", assets.credentials, name="asset-credentials"),
    path("assets/<int:pk>/history/", history.listed, name="asset-history"),
    path("assets/<int:pk>/history/undo/", history.revert, name="asset-undo"),
    path("notices/", notifications.listed, name="notices"),
    path("notices/count/", notifications.count, name="notices-count"),
    path("review/", review.review, name="review"),
    path("review/count/", review.review_count, name="review-count"),
    path("review/decide/", review.decide, name="decide"),
    path("collections/", collections.collections, name="collections"),
    path("collections/add/", collections.add, name="collection-add"),
    path("collections/<int:pk>/remove/", collections.remove, name="collection-remove"),
    path("collections/<int:pk>/move/", collections.move, name="collection-move"),
    path("collections/<int:pk>/delete/", collections.delete, name="collection-delete"),
]
