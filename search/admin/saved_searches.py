"""Saved searches, golden queries, the shoot list and the search log in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from assetbank import permissions
from assetbank.admin.base import ModelAdmin, ReadOnly, display
from search.errors import InvalidQuery, SearchUnavailable
from search.evaluation import metrics
from search.indexing import spaces
from search.models import GoldenQuestion, QueryLog, SavedSearch, ShootListItem
from search.query import read_query
from search.saved import golden as golden_module
from search.saved import searches
from search.templatetags.saved_searches import library_url, query_summary

if TYPE_CHECKING:
    SavedModelForm = forms.ModelForm[SavedSearch]
    GoldenModelForm = forms.ModelForm[GoldenQuestion]
else:
    SavedModelForm = GoldenModelForm = forms.ModelForm


def _link(stored: SavedSearch | GoldenQuestion) -> SafeString:
    shape = '<a href="{}" class="text-primary-600 underline">{}</a>'
    return format_html(shape, library_url(stored), query_summary(stored.question))


class SavedForm(SavedModelForm):
    """Form that changes only the name."""

    def clean_name(self) -> str:
        try:
            return searches.change_search(saved=self.instance, name=self.cleaned_data["name"]).name
        except InvalidQuery as error:
            raise forms.ValidationError(error.message) from error


@admin.register(SavedSearch)
class SavedSearchAdmin(ModelAdmin[SavedSearch]):
    """Saved searches; they are created in the library, where users see the matches."""

    form = SavedForm
    list_display = ["name", "brand", "asks", "created_by", "created_at"]
    list_filter = [("brand", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["brand", "created_by"]
    search_fields = ["name", "question"]
    fields = ["name", "brand", "asks", "question", "created_by", "created_at"]
    readonly_fields = ["brand", "asks", "question", "created_by", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description="Search")
    def asks(self, saved: SavedSearch) -> SafeString:
        return _link(saved)

    def delete_model(self, request: HttpRequest, obj: SavedSearch) -> None:
        searches.delete_search(saved=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SavedSearch]) -> None:
        for saved in queryset:
            searches.delete_search(saved=saved)


class GoldenForm(GoldenModelForm):
    """Form whose validation saves: only that tells whether the brand can run the query."""

    person: Any  # the user, set by the admin for each request

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            if self.instance.pk:
                golden_module.set_expected(golden=self.instance, expected=data["expected"])
            else:
                question = read_query(data["question"], person=permissions.system_user())
                self.instance = golden_module.add_golden_query(
                    brand=data["brand"],
                    question=question,
                    expected=data["expected"],
                    by=self.person,
                )
        except InvalidQuery as error:
            raise forms.ValidationError(error.message) from error
        return data

    def _post_clean(self) -> None:
        """Do nothing: `clean` has saved the instance."""

    def save(self, commit: bool = True) -> GoldenQuestion:
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: `clean` has saved the relations."""


@admin.register(GoldenQuestion)
class GoldenQuestionAdmin(ModelAdmin[GoldenQuestion]):
    form = GoldenForm
    list_display = ["asks", "brand", "expected_count", "ndcg", "recall", "created_by"]
    list_filter = [("brand", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["brand", "created_by"]
    search_fields = ["question"]
    autocomplete_fields = ["brand", "expected"]
    actions = ["measure"]
    fields = ["brand", "question", "expected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldenQuestion]:
        expected = Count("expected", filter=Q(expected__deleted_at=None))
        return super().get_queryset(request).annotate(expected_count=expected)

    def get_form(
        self,
        request: HttpRequest,
        obj: GoldenQuestion | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"person": request.user})

    def get_readonly_fields(self, request: HttpRequest, obj: GoldenQuestion | None = None) -> Any:
        """Return brand and question for an existing row: another query is another row."""
        return ["brand", "question"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: validating the form has saved the row."""

    def delete_model(self, request: HttpRequest, obj: GoldenQuestion) -> None:
        golden_module.delete_golden_query(golden=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[GoldenQuestion]) -> None:
        for golden in queryset:
            golden_module.delete_golden_query(golden=golden)

    @admin.action(description="Measure now", permissions=["change"])
    def measure(self, request: HttpRequest, queryset: QuerySet[GoldenQuestion]) -> None:
        chosen = GoldenQuestion.objects.filter(pk__in=queryset.values("pk"))
        try:
            result = metrics.measure_golden_queries(chosen, space=spaces.active_space())
        except SearchUnavailable as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            sentence = (
                f"{result.questions} queries measured: nDCG@{result.k} {result.ndcg:.2f} on "
                "average."
            )
            self.message_user(request, sentence, messages.SUCCESS)

    @display(description="Query", ordering="question")
    def asks(self, golden: GoldenQuestion) -> str:
        return query_summary(golden.question)

    @display(description="Expected", ordering="expected_count")
    def expected_count(self, golden: Any) -> int:
        return int(golden.expected_count)

    @display(description="nDCG@10")
    def ndcg(self, golden: GoldenQuestion) -> str:
        return _share(golden, "ndcg")

    @display(description="Recall@10")
    def recall(self, golden: GoldenQuestion) -> str:
        return _share(golden, "recall")


def _share(golden: GoldenQuestion, name: str) -> str:
    share = golden.measured.get(name)
    return "-" if share is None else f"{share:.2f}"


@admin.register(ShootListItem)
class ShootListAdmin(ModelAdmin[ShootListItem]):
    list_display = ["words", "brand", "note", "done", "created_by", "created_at"]
    list_editable = ["done"]
    list_filter = ["done", ("brand", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["brand", "created_by"]
    search_fields = ["words", "note"]
    autocomplete_fields = ["brand"]
    fields = ["words", "brand", "note", "done"]

    def save_model(self, request: HttpRequest, obj: ShootListItem, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(QueryLog)
class QueryLogAdmin(ReadOnly, ModelAdmin[QueryLog]):
    list_display = ["summary", "person", "matched", "clicks", "asked_at"]
    list_select_related = ["person"]
    search_fields = ["words"]
    date_hierarchy = "asked_at"
    ordering = ["-asked_at"]
    list_per_page = 50
    show_full_result_count = False
    readonly_fields = ("summary", "question", "person", "space", "matched", "clicks", "asked_at")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueryLog]:
        return super().get_queryset(request).defer("ranking")

    @display(description="Query", ordering="words")
    def summary(self, logged: QueryLog) -> str:
        return logged.words or query_summary(logged.question)
