"""Routes of the site; the apps above are included by name, so that nothing imports them."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from assetbank.http import problems

urlpatterns = [
    path("", include("assetbank.views.urls")),
    path("", include("search.views.urls")),
    path("", include("generation.views.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("api/v1/", include("assetbank.api.urls")),
    path("api/v1/", include("search.api.urls")),
    path("api/v1/", include("generation.api.urls")),
    path("api/v1/", problems.json_404),
    path("api/v1/<path:path>", problems.json_404),
]
