"""Changes of a row and of its tags, put together from events.

An event has the values before a change (see `assetbank.models.history`), so those after it are in
the next event, or in the row. The events of one transaction are one change.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey, Model, QuerySet

from assetbank.models import TrackedTag
from assetbank.text import parse_id

PAGE = 20  # changes
READ = 200  # maximum number of events that are read for a page: an asset has at most 64 tags
TAGS = "tags"
OF_TAG = "tag-"  # begins the id of a change of tags alone
EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class FieldChange:
    """A changed field. For tags, `before` has those that were removed, `after` those added."""

    name: str
    label: str
    before: Any
    after: Any

    @property
    def is_technical(self) -> bool:
        """True for what another field of the change says in a form that people read."""
        return self.name in {"file", "checksum", "mime", "bytes"}


@dataclass(frozen=True)
class Change:
    """Changes of one transaction to a row; the fields are those that differ afterwards."""

    id: str  # for addresses; the same for ever
    at: datetime.datetime
    action: str  # created, changed or deleted
    fields: tuple[FieldChange, ...]
    by: str = ""  # user name; empty: the system, or SQL by hand


@dataclass(frozen=True)
class _Event:
    """An event of the row, or of one of its tags."""

    number: int
    at: datetime.datetime
    request: str
    label: str
    context: dict[str, Any]
    values: dict[str, Any]  # of the row before the change; of a tag: its name
    of_tag: bool

    @property
    def id(self) -> str:
        return f"{OF_TAG if self.of_tag else ''}{self.number}"

    @property
    def cause(self) -> tuple[datetime.datetime, str]:
        """Time of the transaction, and id of the request: the events of one change share both."""
        return self.at, self.request


def changes_of(
    row: Model, *, before: datetime.datetime | None = None, limit: int = PAGE
) -> list[Change]:
    """Return the latest changes of a row, newest first; of an asset also those of its tags.

    `before` continues a list: only changes earlier than that are returned.
    """
    events = _row_events(row, before=before) + _tag_events(row, before=before)
    events.sort(key=lambda event: (*event.cause, event.of_tag, event.number), reverse=True)
    changes = _changes(events, row, _values_at(row, before))
    if len(events) >= READ:  # the earliest one may not have been read to its end
        changes = changes[:-1] or changes
    return _with_names(changes[:limit])


def find_change(row: Model, change_id: str) -> Change | None:
    """Return the change of a row with that id; None if there is none."""
    model = TrackedTag if change_id.startswith(OF_TAG) else type(row)
    number = parse_id(change_id.removeprefix(OF_TAG))
    at = _event_model(model)._default_manager.filter(pgh_id=number).values_list("pgh_created_at")
    if number is None or not (found := at.first()):
        return None
    later = found[0] + datetime.timedelta(microseconds=1)
    return next((each for each in changes_of(row, before=later) if each.id == change_id), None)


def _event_model(model: type[Model]) -> Any:
    """Return the model of the events of `model`, which `track_changes` made."""
    return model.pgh_event_model  # type: ignore[attr-defined]


def tracked_fields(model: type[Model]) -> list[str]:
    """Return the names of the columns that events have, without the primary key."""
    known = {field.attname for field in _event_model(model)._meta.concrete_fields}
    fields = model._meta.concrete_fields
    return [field.attname for field in fields if field.attname in known and not field.primary_key]


def _row_events(row: Model, *, before: datetime.datetime | None) -> list[_Event]:
    rows = _event_model(type(row))._default_manager.filter(pgh_obj=row.pk)
    names = tracked_fields(type(row))
    return [_event(each, names, of_tag=False) for each in _latest(rows, before, names)]


def _tag_events(row: Model, *, before: datetime.datetime | None) -> list[_Event]:
    """Return the events of a row's tags; [] for a row without tags."""
    if not hasattr(row, "tags"):
        return []
    kind = ContentType.objects.get_for_model(row)
    rows = _event_model(TrackedTag)._default_manager.filter(object_id=row.pk, content_type=kind)
    found = _latest(rows, before, ["tag_id", "tag__name"])
    return [_event(each, ["tag_id", "tag__name"], of_tag=True) for each in found]


def _latest(
    rows: QuerySet[Any], before: datetime.datetime | None, names: Sequence[str]
) -> Iterable[dict[str, Any]]:
    if before is not None:
        rows = rows.filter(pgh_created_at__lt=before)
    return rows.order_by("-pgh_id").values(
        "pgh_id", "pgh_created_at", "pgh_context_id", "pgh_label", "pgh_context", *names
    )[:READ]


def _event(row: dict[str, Any], names: Sequence[str], *, of_tag: bool) -> _Event:
    return _Event(
        row["pgh_id"],
        row["pgh_created_at"],
        str(row["pgh_context_id"]),
        row["pgh_label"],
        row["pgh_context"] or {},
        {name: row[name] for name in names},
        of_tag,
    )


def _values_at(row: Model, moment: datetime.datetime | None) -> dict[str, Any]:
    """Return the values that the row had at a moment, or has; {} if it does not exist."""
    names = tracked_fields(type(row))
    if moment is not None:
        later = _event_model(type(row))._default_manager.filter(
            pgh_obj=row.pk, pgh_created_at__gte=moment
        )
        first = later.order_by("pgh_id").values("pgh_label", *names).first()
        if first is not None:  # before an insert there was no row
            return {} if first.pop("pgh_label") == "insert" else first
    return type(row)._base_manager.filter(pk=row.pk).values(*names).first() or {}


def _changes(events: list[_Event], row: Model, values: dict[str, Any]) -> list[Change]:
    """Return the changes that events, newest first, tell of; `values` are those after them."""
    changes = []
    for _, group in groupby(events, key=lambda event: event.cause):
        together = list(group)
        after, action, tags = values, "changed", {"insert": [], "delete": []}  # type: ignore[var-annotated]
        for event in together:
            if event.of_tag:
                tags.get(event.label, []).append(event.values["tag__name"])
            elif event.label == "insert":
                action, values = "created", {}
            else:
                values = event.values
                action = "deleted" if event.label == "delete" else action
        fields = _differences(row, values, {} if action == "deleted" else after)
        removed, added = set(tags["delete"]), set(tags["insert"])
        if removed != added:
            lists = sorted(removed - added), sorted(added - removed)
            fields.append(FieldChange(TAGS, "Tags", *lists))
        if fields or action != "changed":
            first, by = together[0], together[0].context.get("user")
            by = "" if by is None else str(by)
            changes.append(Change(first.id, first.at, action, tuple(fields), by))
    return changes


def _differences(row: Model, before: dict[str, Any], after: dict[str, Any]) -> list[FieldChange]:
    """Return the fields whose values differ; a row that does not exist is {}, and has none."""
    found = []
    for field in row._meta.concrete_fields:
        old, new = before.get(field.attname), after.get(field.attname)
        if old != new and not (old in EMPTY and new in EMPTY):
            label = "custom fields" if field.name == "custom" else str(field.verbose_name)
            found.append(FieldChange(field.name, label[:1].upper() + label[1:], old, new))
    return found


def _with_names(changes: list[Change]) -> list[Change]:
    """Return the changes with names in place of the ids of users."""
    ids = {int(change.by) for change in changes if change.by.isdigit()}
    names = dict(User.objects.filter(pk__in=ids).values_list("pk", "username")) if ids else {}
    return [
        replace(change, by=names.get(int(change.by), "a deleted user"))
        if change.by.isdigit()
        else change
        for change in changes
    ]


def field_values(row: Model, change: FieldChange) -> tuple[str, str]:
    """Return the values of a field before and after a change as text; "" for an empty one."""
    before, after = (_as_text(row, change, value) for value in (change.before, change.after))
    return before, after


def _as_text(row: Model, change: FieldChange, value: Any) -> str:
    """Return a value as text for users: the label of a choice, the name of a row."""
    if value in EMPTY:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):  # values of custom fields
        parts = ((name, each if isinstance(each, list) else [each]) for name, each in value.items())
        return "; ".join(f"{name}: {', '.join(map(str, each))}" for name, each in parts)
    if change.name == TAGS:
        return str(value)
    field = row._meta.get_field(change.name)
    if isinstance(field, ForeignKey):
        named = field.related_model._base_manager.filter(pk=value).first()
        return str(named) if named else f"{field.verbose_name} {value} (deleted)"
    choices = dict(getattr(field, "flatchoices", ()))
    if value in choices:
        return str(choices[value])
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
