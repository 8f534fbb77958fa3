"""What a card says of why its asset was found, and counts beside filters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django import template

from search.query import SearchHit, fulltext

register = template.Library()

STEPS = (  # least relevance, segments of the bar, in words; below the first there is no bar
    (0.9, 3, "A very good match"),
    (0.75, 2, "A good match"),
    (0.5, 1, "A fair match"),
)
FIELDS = {
    "title": "title",
    "tags": "tags",
    "filename": "file name",
    "credit": "credit",
    "description": "description",
    "prompt": "prompt",
}
LEAD = 12  # characters before the first wanted word, so that a narrow card has room for the word


@dataclass(frozen=True)
class Told:
    steps: int  # 1 to 3; 0: no bar
    match: str
    reasons: tuple[str, ...]
    title: fulltext.Highlight | None  # the whole title, if wanted words occur in it
    excerpt: fulltext.Highlight | None  # of another field

    @property
    def shown(self) -> tuple[tuple[str, bool], ...]:
        """The pieces of the excerpt, from a little before its first wanted word."""
        if not self.excerpt:
            return ()
        (lead, wanted), *rest = self.excerpt.pieces
        room = 0 if self.excerpt.field == "tags" else LEAD  # other tags say nothing of this one
        if not wanted and len(lead) > room:
            lead = f"…{lead[len(lead) - room :].partition(' ')[2]}"
        return (lead, wanted), *rest

    def __str__(self) -> str:
        """All of it, as one sentence."""
        said = [*([self.match] if self.match else []), *self.reasons]
        words = ", ".join(said)
        return f"{words}: {self.excerpt}" if self.excerpt else words


@register.filter
def told(found: SearchHit) -> Told | None:
    """None for what nobody asked for, or what is merely near."""
    if found.hit is None or not found.matches:
        return None
    share = found.relevance or 0.0
    steps, match = next(((steps, said) for least, steps, said in STEPS if share >= least), (0, ""))
    by = found.by
    reasons = ["looks like it"] if "meaning" in by else []
    fields = _telling(found.highlights)
    if "name" in by:
        reasons.append("exact name or number")
    if fields:
        reasons.append(f"in the {' and '.join(FIELDS[each.field] for each in fields)}")
    elif "words" in by and "name" not in by:
        reasons.append("in its words")
    title = next((each for each in found.highlights if each.field == "title"), None)
    return Told(
        steps,
        match,
        tuple(reasons),
        title if title and str(title) == found.asset.title else None,
        fields[0] if fields and not title else None,
    )


def _telling(highlights: Iterable[fulltext.Highlight]) -> list[fulltext.Highlight]:
    """At most two, of which the second has a wanted word that the first has not."""
    said: set[str] = set()
    telling = []
    for highlight in highlights:
        words = {text.lower() for text, wanted in highlight.pieces if wanted}
        if words - said:
            telling.append(highlight)
            said |= words
    return telling[:2]


@register.filter
def counted(many: int, capped: bool) -> str:
    """A count beside a filter: `2,000+` where there may be more."""
    return f"{many:,}{'+' if capped and many else ''}"
