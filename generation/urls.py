"""The studio's pages, and the fragments that other pages fetch."""

from django.urls import path

from generation import views

urlpatterns = [
    path("tray/", views.show_tray, name="tray"),
    path("tray/change/", views.change_tray, name="tray-change"),
    path("studio/", views.make, name="studio"),
    path("generations/", views.history, name="history"),
    path("generations/<int:pk>/", views.generation, name="generation"),
    path("generations/<int:pk>/state/", views.generation_state, name="generation-state"),
    path("generations/<int:pk>/again/", views.again, name="generation-again"),
    path("generations/<int:pk>/cancel/", views.cancel, name="generation-cancel"),
    path("generations/<int:pk>/retry/", views.retry, name="generation-retry"),
    path("assets/<int:pk>/lineage/", views.asset_lineage, name="asset-lineage"),
]
