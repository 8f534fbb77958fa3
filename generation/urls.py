"""The studio's pages, and the fragments that other pages fetch."""

from django.urls import path

from generation.views import following, history, lineage, studio, tray

urlpatterns = [
    path("tray/", tray.show_tray, name="tray"),
    path("tray/change/", tray.change_tray, name="tray-change"),
    path("studio/", studio.make, name="studio"),
    path("generations/", history.history, name="history"),
    path("generations/<int:pk>/", following.generation, name="generation"),
    path("generations/<int:pk>/state/", following.generation_state, name="generation-state"),
    path("generations/<int:pk>/again/", following.again, name="generation-again"),
    path("generations/<int:pk>/cancel/", following.cancel, name="generation-cancel"),
    path("generations/<int:pk>/retry/", following.retry, name="generation-retry"),
    path("assets/<int:pk>/lineage/", lineage.asset_lineage, name="asset-lineage"),
]
