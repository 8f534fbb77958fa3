"""Every address, by name; apps are included by string."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from assetbank import problems

urlpatterns = [
    path("", include("assetbank.pages_urls")),
    path("", include("search.urls")),
    path("", include("generation.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("assetbank.api")),
    path("api/v1/", include("search.api")),
    path("api/v1/", include("generation.api")),
    path("api/v1/", problems.json_404),
    path("api/v1/<path:path>", problems.json_404),
]
