"""Routes of the studio's REST API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from generation.api.batches import BatchViewSet
from generation.api.brand_rules import BrandRulesView, FindingsView
from generation.api.engines import ModelsView
from generation.api.generations import GenerationViewSet
from generation.api.outputs import FinaliseViewSet, OutputViewSet
from generation.api.preflight import AlreadyView, SuggestionsView
from generation.api.presets import PresetViewSet
from generation.api.records import RecordView, ReinstateView, WithdrawView
from generation.api.refine import LineageView, RefineViewSet, ThreadView
from generation.api.spending import EstimatesView, SpendingView
from generation.api.webhooks import WebhookViewSet

router = SimpleRouter(use_regex_path=False)
router.register("generations", GenerationViewSet, basename="api-generation")
router.register("batches", BatchViewSet, basename="api-batch")
router.register("outputs", OutputViewSet, basename="api-output")
router.register("presets", PresetViewSet, basename="api-preset")
router.register("webhooks", WebhookViewSet, basename="api-webhook")
urlpatterns = [
    path("models/", ModelsView.as_view(), name="api-models"),
    path("estimates/", EstimatesView.as_view(), name="api-estimates"),
    path("spending/", SpendingView.as_view(), name="api-spending"),
    path("suggestions/", SuggestionsView.as_view(), name="api-suggestions"),
    path("already/", AlreadyView.as_view(), name="api-already"),
    path("brands/<slug:slug>/rules/", BrandRulesView.as_view(), name="api-brand-rules"),
    path("assets/<int:pk>/record/", RecordView.as_view(), name="api-asset-record"),
    path("assets/<int:pk>/withdraw/", WithdrawView.as_view(), name="api-asset-withdraw"),
    path("assets/<int:pk>/reinstate/", ReinstateView.as_view(), name="api-asset-reinstate"),
    path("assets/<int:pk>/findings/", FindingsView.as_view(), name="api-asset-findings"),
    path("assets/<int:pk>/lineage/", LineageView.as_view(), name="api-asset-lineage"),
    path(
        "outputs/<int:pk>/finalise/",
        FinaliseViewSet.as_view({"post": "finalise"}),
        name="api-output-finalise",
    ),
    path(
        "outputs/<int:pk>/refine/",
        RefineViewSet.as_view({"post": "refine"}),
        name="api-output-refine",
    ),
    path("outputs/<int:pk>/thread/", ThreadView.as_view(), name="api-output-thread"),
    *router.urls,
]
