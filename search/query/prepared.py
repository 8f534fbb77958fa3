"""SQL statements that Django compiles once and that run with other values each time.

Every search runs the same few statements. Compiling one takes 1 to 3 ms; PostgreSQL needs half of
that to answer it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, F, Func, Model, QuerySet, Value

M = TypeVar("M", bound=Model)

MAX_PREPARED = 256  # Maximum cached statements per function that builds them


class Param(str):
    """Placeholder in a query set for a value, or a list, that each run passes by this name."""


def is_in_param(column: str, name: str) -> Func:
    """Return the condition that `column` is in the list passed as `name`.

    It compiles to `= ANY (array)`, for which PostgreSQL looks up each id. It may join `IN` a list
    from the other side instead: through all rows that match the rest of the filter.
    """
    return Func(
        F(column),
        Value(Param(name)),
        template="%(expressions)s)",
        arg_joiner=" = ANY (",
        output_field=BooleanField(),
    )


class PreparedQuery(Generic[M]):
    """A compiled query set; each call runs it with the values of its Params.

    Annotations are set on the rows; relations of `select_related` are not.
    """

    def __init__(self, rows: QuerySet[M, Any]) -> None:
        self._model = rows.model
        try:
            self._sql, self._parameters = rows.query.sql_with_params()
        except EmptyResultSet:  # Django knows that no row can match
            self._sql, self._parameters = "", ()

    def rows(self, **params: str | Iterable[Any]) -> list[M]:
        """Return the rows as model instances; `params` gives the value of each Param by its
        name."""
        if not self._sql:
            return []
        return list(self._model._default_manager.raw(self._sql, self._values(params)))

    def tuples(self, **params: str | Iterable[Any]) -> list[tuple[Any, ...]]:
        """Return the rows as tuples, for query sets with `values_list`."""
        if not self._sql:
            return []
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._values(params))
            return list(cursor.fetchall())

    def _values(self, params: Mapping[str, str | Iterable[Any]]) -> list[Any]:
        values = {
            name: value if isinstance(value, str) else list(value) for name, value in params.items()
        }
        return [values[value] if isinstance(value, Param) else value for value in self._parameters]
