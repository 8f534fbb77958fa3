"""The page “History” of a row in the admin: its changes, with undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from assetbank.errors import ProblemError
from assetbank.history import Change, changes_of, revert_change

MAX_CHANGES = 200  # that the page shows


class ChangedRow(NamedTuple):
    row: Model
    change: Change
    can_undo: bool


class WithHistory:
    """Mixin for a ModelAdmin: its page “History” shows what the triggers stored."""

    admin_site: Any
    get_object: Any
    has_change_permission: Any
    has_view_permission: Any
    message_user: Any
    opts: Any

    def rows_with_history(self, obj: Any) -> Iterable[Model]:
        """Return the rows whose changes are shown with those of `obj`."""
        return [obj]

    def can_undo(self, change: Change) -> bool:
        """Return whether `undo` may undo a change, unless its fields were changed since."""
        return change.action == "changed"

    def undo(self, request: HttpRequest, row: Any, change_id: str) -> None:
        """Undo a change. Raises InvalidAsset if that is impossible."""
        revert_change(row=row, change_id=change_id)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        rows = {f"{row._meta.label_lower}:{row.pk}": row for row in self.rows_with_history(obj)}
        may_change = self.has_change_permission(request, obj)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            self._undo(request, rows)
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "opts": self.opts,
            "object": obj,
            "changes": _changes(rows, self.can_undo if may_change else _nothing),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/changes.html", context)

    def _undo(self, request: HttpRequest, rows: dict[str, Model]) -> None:
        row = rows.get(request.POST.get("row", ""))
        try:
            if row is not None:
                self.undo(request, row, request.POST.get("change", ""))
                self.message_user(request, "The change is undone.", messages.SUCCESS)
        except ProblemError as error:
            self.message_user(request, error.message, messages.ERROR)


def _nothing(change: Change) -> bool:
    return False


def _changes(
    rows: dict[str, Model], can_undo: Callable[[Change], bool]
) -> list[tuple[str, ChangedRow]]:
    """Return the changes of rows, newest first, with the key of their row."""
    found = [
        (key, ChangedRow(row, change, can_undo(change)))
        for key, row in rows.items()
        for change in changes_of(row, limit=MAX_CHANGES)
    ]
    return sorted(found, key=lambda pair: pair[1].change.at, reverse=True)[:MAX_CHANGES]
