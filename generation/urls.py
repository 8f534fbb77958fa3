"""The studio's pages, and the fragments that other pages fetch."""

from django.urls import path

from generation.views import (
    batches,
    choosing,
    comparing,
    following,
    history,
    kept,
    lineage,
    rules,
    studio,
    tray,
)

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
    path("batches/", batches.listed, name="batches"),
    path("batches/new/", batches.new, name="batch-new"),
    path("batches/<int:pk>/", batches.batch, name="batch"),
    path("batches/<int:pk>/progress/", batches.progress, name="batch-progress"),
    path("batches/<int:pk>/choices/", batches.choices, name="batch-choices"),
    path("batches/<int:pk>/stop/", batches.stop, name="batch-stop"),
    path("batches/<int:pk>/retry/", batches.retry, name="batch-retry"),
    path("batches/<int:pk>/kept/", kept.kept, name="batch-kept"),
    path("outputs/<int:pk>/finalise/", choosing.finalise, name="output-finalise"),
    path("outputs/<int:pk>/<str:verdict>/", choosing.decide, name="output-decide"),
    path("compare/", comparing.compare, name="compare"),
    path("assets/<int:pk>/findings/", rules.asset_findings, name="asset-findings"),
    path("assets/<int:pk>/inspect/", rules.inspect_again, name="asset-inspect"),
    path("brands/rules/", rules.all_rules, name="all-brand-rules"),
    path("brands/<slug:slug>/rules/", rules.brand_rules, name="brand-rules"),
    path("brands/<slug:slug>/inspect/", rules.inspect_drafts, name="inspect-drafts"),
    path("assets/<int:pk>/lineage/", lineage.asset_lineage, name="asset-lineage"),
]
