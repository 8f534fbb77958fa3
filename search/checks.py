"""System checks of the database, run by `manage.py check --database default` and by `migrate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

KNOWS_LETTERS = "SELECT lower('Ж') = 'ж' AND 'é' ~ '^[[:alpha:]]$' AND 'Ж' ~ '^[[:alnum:]]$'"


@register(Tags.database)
def check_locale(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return error search.E001 for each database whose locale knows no letters but A to Z.

    Full-text search folds case and drops characters that are not letters, which needs a UTF-8
    locale.
    """
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(KNOWS_LETTERS)
            if cursor.fetchone() != (True,):
                messages.append(
                    Error(
                        "This database recognises the letters A to Z only: words such as "
                        "“Größe” would not be found.",
                        hint="Create it with a UTF-8 locale, like LC_CTYPE 'C.UTF-8'.",
                        id="search.E001",
                    )
                )
    return messages
