"""Occurrences of query words in the fields of one asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from assetbank.assets.metadata import is_machine_name, says_nothing
from assetbank.models import Asset
from search.query import ParsedText, fulltext

# Matches in the current fields, and in the document that the search uses
OCCURRENCES = """
SELECT given.phrase, numnode(given.query) > 0,
  ARRAY(
    SELECT field.name FROM unnest(%(names)s::text[], %(texts)s::text[]) AS field (name, text)
    WHERE to_tsvector(%(language)s::regconfig, search_folded(field.text)) @@ given.query),
  coalesce(document.words @@ given.query, false),
  coalesce(search_name(%(typed)s) = ANY (document.names), false)
FROM (
  SELECT phrase, number, phraseto_tsquery(%(language)s::regconfig, search_folded(phrase)) AS query
  FROM unnest(%(phrases)s::text[]) WITH ORDINALITY AS phrases (phrase, number)
) AS given
LEFT JOIN search_document AS document ON document.asset_id = %(asset)s
ORDER BY given.number
"""


@dataclass(frozen=True)
class Occurrence:
    """Occurrences of one phrase of a query in one asset's text."""

    phrase: str
    counts: bool  # False: only stop words like "the", which no search uses
    fields: tuple[str, ...]  # names of fields as pages show them
    in_document: bool  # True: in the document, which should agree with the fields


def occurrences(asset: Asset, wording: ParsedText) -> tuple[list[Occurrence], bool]:
    """Return the occurrences of each included, then of each excluded phrase, in one query.

    The second value is True if the typed text is exactly a name of the asset.
    """
    fields = {
        "title": "" if says_nothing(asset.title) else asset.title,
        "tags": " ".join(asset.tag_names),
        # Names that a machine gave are no words of the document
        "file name": "" if is_machine_name(asset.filename) else asset.filename,
        "headline": asset.headline,
        "creator": asset.creator,
        "place": asset.place,
        "credit": asset.credit,
        "description": asset.description,
        "alt text": asset.alt_text,
        "extended description": asset.extended_description,
        "copyright": asset.copyright,
        "prompt": asset.prompt,
    }
    values: dict[str, Any] = {
        "names": list(fields),
        "texts": list(fields.values()),
        "phrases": [*wording.include, *wording.exclude],
        "typed": wording.typed,
        "asset": asset.pk,
        "language": fulltext.LANGUAGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(OCCURRENCES, values)
        rows = cursor.fetchall()
    found = [
        Occurrence(phrase, counts, tuple(names), in_document)
        for phrase, counts, names, in_document, _ in rows
    ]
    return found, bool(wording.include and rows and rows[0][4])
