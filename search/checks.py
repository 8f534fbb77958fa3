"""What `manage.py check --database default`, and `migrate`, say of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

LETTERS = "SELECT lower('Ж') = 'ж' AND 'é' ~ '^[[:alpha:]]$' AND 'Ж' ~ '^[[:alnum:]]$'"


@register(Tags.database)
def letters(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Full-text search folds case and drops what is no letter: the database must know letters."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute(LETTERS)
            if cursor.fetchone() != (True,):
                messages.append(
                    Error(
                        "This database knows no letters but A to Z: words such as “Größe” would "
                        "not be found.",
                        hint="Create it with a UTF-8 locale, like LC_CTYPE 'C.UTF-8'.",
                        id="search.E001",
                    )
                )
    return messages
