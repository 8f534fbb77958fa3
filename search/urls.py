"""The library page, and the fragments that other pages fetch."""

from django.urls import path

from search.views import duplicates, gaps, golden, kept, ledger, library

urlpatterns = [
    path("", library.library, name="library"),
    path("facets/", library.facet_counts, name="facets"),
    path("picture-search/", library.picture_search, name="picture-search"),
    path("picture-search/<uuid:pk>/", library.picture_thumbnail, name="picture-thumbnail"),
    path("assets/<int:pk>/part/", library.part_search, name="part-search"),
    path("assets/<int:pk>/similar/", library.asset_similar, name="asset-similar"),
    path("assets/<int:pk>/card/", library.asset_card, name="asset-card"),
    path("assets/<int:pk>/index-state/", library.asset_index_state, name="asset-index-state"),
    path("assets/<int:pk>/index-again/", library.asset_index_again, name="asset-index-again"),
    path("assets/<int:pk>/why/", ledger.why, name="asset-why"),
    path("assets/<int:pk>/duplicates/", duplicates.asset_duplicates, name="asset-duplicates"),
    path("index-states/", library.index_states, name="index-states"),
    path("asked/<uuid:pk>/click/", kept.click, name="asked-click"),
    path("saved/", kept.saved_searches, name="saved-searches"),
    path("saved/new/", kept.save, name="saved-search-new"),
    path("saved/news/", kept.news, name="saved-search-news"),
    path("saved/<int:pk>/", kept.saved_search, name="saved-search"),
    path("saved/<int:pk>/rename/", kept.rename, name="saved-search-rename"),
    path("saved/<int:pk>/delete/", kept.delete, name="saved-search-delete"),
    path("golden/", golden.golden_questions, name="golden-questions"),
    path("golden/new/", golden.new, name="golden-new"),
    path("golden/measure/", golden.measure, name="golden-measure"),
    path("golden/<int:pk>/", golden.golden_question, name="golden-question"),
    path("golden/<int:pk>/delete/", golden.delete, name="golden-delete"),
    path("duplicates/", duplicates.duplicate_groups_page, name="duplicates"),
    path("duplicates/count/", duplicates.duplicates_count, name="duplicates-count"),
    path("duplicates/compare/", duplicates.compare, name="duplicates-compare"),
    path("duplicates/merge/", duplicates.merge, name="duplicates-merge"),
    path("duplicates/not-the-same/", duplicates.not_the_same, name="duplicates-apart"),
    path("duplicates/the-same/", duplicates.the_same, name="duplicates-same"),
    path("duplicates/undo/", duplicates.undo, name="duplicates-undo"),
    path("gaps/", gaps.board, name="gaps"),
    path("gaps/shoot-list/", gaps.add, name="shoot-list-add"),
    path("gaps/shoot-list.csv", gaps.download, name="shoot-list-download"),
    path("gaps/shoot-list/<int:pk>/", gaps.change, name="shoot-list-change"),
]
