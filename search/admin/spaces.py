"""Roll-out of an encoder in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from assetbank.admin.base import (
    ModelAdmin,
    ReadOnly,
    action,
    confirmation,
    display,
    htmx_redirect,
    label,
)
from assetbank.errors import ProblemError
from search.encoders import EncoderError
from search.evaluation import RolloutRefused, rollout
from search.models import VectorSpace
from search.vectorstore import VectorStoreUnavailable

if TYPE_CHECKING:  # django-unfold has no types
    BaseDialogForm = forms.Form
    AdminTextInputWidget = forms.TextInput
else:
    from unfold.forms import BaseDialogForm
    from unfold.widgets import UnfoldAdminTextInputWidget as AdminTextInputWidget

LIST = "admin:search_vectorspace_changelist"
PAGE = "admin:search_vectorspace_change"
BUILD = (
    "Its index is built in the background while the active one serves searches. When it is "
    "complete, both are compared on the relevance test set, and it is activated automatically "
    "if its results are at least as good."
)
TAKE_OVER = "Serves all searches from now on, whatever the comparison says. You can roll back."
ROLL_BACK = "The previously active encoder serves all searches from now on."
DROP = "Deletes its vectors: to use it again, all assets must be embedded again."
ANYWHERE = '<span style="overflow-wrap: anywhere">{}</span>'  # for long values without spaces
MEASURES = (("nDCG@10", "ndcg"), ("Recall@10", "recall"), ("MRR", "mrr"))


class EncoderForm(BaseDialogForm):
    model = forms.CharField(
        label="Encoder",
        max_length=300,
        widget=AdminTextInputWidget,
        help_text="A CLIP or SigLIP checkpoint: a folder on the index worker's machine, "
        "a hub id such as openai/clip-vit-base-patch32, or demo.",
    )


def _ask_for_encoder() -> dict[str, Any]:
    options = confirmation("Switch the encoder …", BUILD, "Build index")
    options["dialog"]["form_class"] = EncoderForm
    return options


@admin.register(VectorSpace)
class VectorSpaceAdmin(ReadOnly, ModelAdmin[VectorSpace]):
    list_display = ["model", "state", "done", "dimension", "is_demo", "activated_at", "created_at"]
    ordering = ["-active", "-created_at"]
    actions_list = ["switch"]
    actions_detail = ["take_over", "roll_back", "drop"]
    fields = readonly_fields = (
        *("state", "progress", "comparison", "problem", "model", "folder", "is_demo"),
        *("dimension", "fingerprint", "kept_in", "activated_at", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[VectorSpace]:
        return super().get_queryset(request).defer("background")

    def has_switch_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("search.change_vectorspace")

    # ------------------------------------------------------------------------ reading

    @display(description="State")
    def state(self, space: VectorSpace) -> SafeString:
        if space.active:
            return label("Active", "success")
        if space.problem:
            return label("Cannot be built", "danger")
        if space.activated_at:
            return label("Previously active, kept up to date", "info")
        if space.gate and not space.gate["passes"]:
            return label("Not activated", "warning")
        return label("Building", "info")

    @display(description="Assets")
    def done(self, space: VectorSpace) -> str:
        return str(rollout.progress(space))

    @display(description="Progress")
    def progress(self, space: VectorSpace) -> SafeString:
        progress = rollout.progress(space)
        loaded = space.fingerprint is not None
        evaluated = space.active or space.activated_at or space.gate
        context = {
            "told": progress,
            "opened": loaded,
            "percent": 100 * progress.done // progress.total if progress.total else 100 * loaded,
            "again": not space.problem and (not loaded or progress.waiting or not evaluated),
        }
        return render_to_string("admin/search/progress.html", context)

    @display(description="Comparison")
    def comparison(self, space: VectorSpace) -> SafeString:
        gate = space.gate
        if not gate:
            never = space.active or space.activated_at or space.problem
            return SafeString("None." if never else "Available when all assets are indexed.")
        asked = gate["questions"] > 0
        means = [(name, gate["old"][key], gate["new"][key]) for name, key in MEASURES if asked]
        pairs = zip(gate["old"]["rows"], gate["new"]["rows"], strict=False) if asked else ()
        context = {"gate": gate, "means": means, "pairs": list(pairs), "model": space.model}
        return render_to_string("admin/search/gate.html", context)

    @display(description="Folder")
    def folder(self, space: VectorSpace) -> SafeString:
        return format_html(ANYWHERE, space.source or "-")

    @display(description="Collection in Milvus")
    def kept_in(self, space: VectorSpace) -> SafeString:
        return format_html(ANYWHERE, space.collection or "-")

    # ------------------------------------------------------------------------ switching

    @action(**_ask_for_encoder(), permissions=["switch"])
    def switch(self, request: HttpRequest, form: Any) -> HttpResponse:
        try:
            space = rollout.start_rollout(form.cleaned_data["model"])
        except RolloutRefused as error:
            messages.error(request, str(error))
            return htmx_redirect(reverse(LIST))
        messages.success(request, f"The index of {space.model} is being built in the background.")
        return htmx_redirect(reverse(PAGE, args=[space.pk]))

    @action(**confirmation("Activate", TAKE_OVER, "Activate"), permissions=["switch"])
    def take_over(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        space = _find_space(request, object_id)
        if space is None:
            return htmx_redirect(reverse(LIST))
        _try(request, lambda: rollout.replace_active(space), f"{space.model} is active now.")
        return htmx_redirect(reverse(PAGE, args=[object_id]))

    @action(**confirmation("Roll back", ROLL_BACK, "Roll back"), permissions=["switch"])
    def roll_back(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        _try(request, rollout.rollback, "The previous encoder is active again.")
        return htmx_redirect(reverse(LIST))

    @action(**confirmation("Delete", DROP, "Delete"), permissions=["switch"])
    def drop(self, request: HttpRequest, form: Any, object_id: int) -> HttpResponse:
        if space := _find_space(request, object_id):
            _try(request, lambda: rollout.drop_space(space), f"{space.model} is deleted.")
        return htmx_redirect(reverse(LIST))


def _find_space(request: HttpRequest, pk: int) -> VectorSpace | None:
    """Return the space; if it was dropped, tell the user.

    A 404 would leave the dialog open without a message.
    """
    space = VectorSpace.objects.filter(pk=pk).first()
    if space is None:
        messages.error(request, "This encoder was deleted in the meantime.")
    return space


def _try(request: HttpRequest, verb: Callable[[], object], done: str) -> None:
    """Call `verb`, and show the user its error or the message `done`."""
    try:
        verb()
    except ProblemError as error:
        messages.error(request, error.message)
    except (RolloutRefused, VectorStoreUnavailable, EncoderError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
