"""Tables of changes, written by PostgreSQL's triggers: also of bulk changes and of SQL by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import pghistory
import pghistory.models
from django.db import models
from taggit.models import TaggedItem

Row = TypeVar("Row", bound=type[models.Model])


class Event(pghistory.models.Event):
    """One insert, update or deletion of a row, with the row's values.

    Of an update and of a deletion these are the values *before* it: those after it are in the next
    event, or in the row itself. Inserts are stored only where that is asked for.
    """

    pgh_id = models.BigAutoField(primary_key=True)

    class Meta(pghistory.models.Event.Meta):
        abstract = True


def track_changes(
    *,
    exclude: Collection[str] = (),
    inserts: bool = False,
    app_label: str | None = None,
    indexes: Collection[models.Index] = (),
) -> Callable[[Row], Row]:
    """Return a class decorator that stores the changes of a model's rows as events.

    `exclude` names fields that nobody changes by hand. The user who made the change, and the
    address of the request, are stored with the event by `HistoryMiddleware`.
    """
    trackers = [pghistory.UpdateEvent(row=pghistory.Old), pghistory.DeleteEvent()]
    return pghistory.track(  # type: ignore[no-any-return]
        *trackers,
        *([pghistory.InsertEvent()] if inserts else []),
        exclude=list(exclude),
        app_label=app_label,
        meta={"indexes": list(indexes)},
        base_model=Event,
        # Without constraint: the history outlives its row
        obj_field=pghistory.ObjForeignKey(related_name="+", db_constraint=False),
        context_field=pghistory.ContextJSONField(),
        context_id_field=pghistory.ContextUUIDField(),
    )


@track_changes(
    inserts=True,
    app_label="assetbank",
    indexes=[models.Index(fields=["object_id", "-pgh_id"], name="tags_changed_of_asset")],
)
class TrackedTag(TaggedItem):  # type: ignore[misc]
    """A tag of an asset, so that adding and removing it is stored."""

    class Meta:
        proxy = True
