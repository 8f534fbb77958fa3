"""The library page, and the fragments that other pages fetch."""

from django.urls import path

from search import views

urlpatterns = [
    path("", views.library, name="library"),
    path("picture-search/", views.picture_search, name="picture-search"),
    path("picture-search/<uuid:pk>/", views.picture_thumbnail, name="picture-thumbnail"),
    path("assets/<int:pk>/similar/", views.asset_similar, name="asset-similar"),
    path("assets/<int:pk>/card/", views.asset_card, name="asset-card"),
    path("assets/<int:pk>/index-state/", views.asset_index_state, name="asset-index-state"),
    path("assets/<int:pk>/index-again/", views.asset_index_again, name="asset-index-again"),
    path("index-states/", views.index_states, name="index-states"),
]
