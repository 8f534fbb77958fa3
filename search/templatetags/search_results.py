"""Template filters for result cards and for counts of filters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django import template

from search.query import SearchHit, fulltext

register = template.Library()

STEPS = (  # minimum relevance, segments of the bar, description; below the lowest there is no bar
    (0.9, 3, "Very good match"),
    (0.75, 2, "Good match"),
    (0.5, 1, "Fair match"),
)
FIELDS = {
    "title": "title",
    "tags": "tags",
    "filename": "file name",
    "headline": "headline",
    "creator": "creator",
    "place": "place",
    "credit": "credit",
    "description": "description",
    "alt_text": "alt text",
    "extended_description": "extended description",
    "copyright": "copyright",
    "prompt": "prompt",
}
LEAD = 12  # maximum characters before the first matching word, for narrow cards


@dataclass(frozen=True)
class MatchSummary:
    """Reasons why an asset was found."""

    steps: int  # 1 to 3; 0: no bar
    match: str
    reasons: tuple[str, ...]
    title: fulltext.Highlight | None  # the whole title, if matching words occur in it
    excerpt: fulltext.Highlight | None  # an excerpt of another field

    @property
    def shown(self) -> tuple[tuple[str, bool], ...]:
        """Pieces of the excerpt, from shortly before its first matching word."""
        if not self.excerpt:
            return ()
        (lead, matches), *rest = self.excerpt.pieces
        room = 0 if self.excerpt.field == "tags" else LEAD  # other tags are no context
        if not matches and len(lead) > room:
            lead = f"…{lead[len(lead) - room :].partition(' ')[2]}"
        return (lead, matches), *rest

    def __str__(self) -> str:
        """Return the match, the reasons and the excerpt as one text, for a tooltip."""
        parts = [*([self.match] if self.match else []), *self.reasons]
        words = ", ".join(parts)
        return f"{words}: {self.excerpt}" if self.excerpt else words


@register.filter
def match_summary(found: SearchHit) -> MatchSummary | None:
    """Return why a hit was found; None when browsing, and for hits that do not match."""
    if found.hit is None or not found.matches:
        return None
    share = found.relevance or 0.0
    steps, match = next(((steps, text) for least, steps, text in STEPS if share >= least), (0, ""))
    by = found.by
    reasons = ["looks similar"] if "meaning" in by else []
    fields = _informative(found.highlights)
    if "name" in by:
        reasons.append("exact name or number")
    if fields:
        reasons.append(f"in the {' and '.join(FIELDS[each.field] for each in fields)}")
    elif "words" in by and "name" not in by:
        reasons.append("in its text")
    title = next((each for each in found.highlights if each.field == "title"), None)
    return MatchSummary(
        steps,
        match,
        tuple(reasons),
        title if title and str(title) == found.asset.title else None,
        fields[0] if fields and not title else None,
    )


def _informative(highlights: Iterable[fulltext.Highlight]) -> list[fulltext.Highlight]:
    """Return at most two highlights, the second only with words that the first has not."""
    seen: set[str] = set()
    informative = []
    for highlight in highlights:
        words = {text.lower() for text, matches in highlight.pieces if matches}
        if words - seen:
            informative.append(highlight)
            seen |= words
    return informative[:2]


@register.filter
def counted(many: int, capped: bool) -> str:
    """Return a number of assets as text: `2,000+` if only so many were counted and more may
    match."""
    return f"{many:,}{'+' if capped and many else ''}"
