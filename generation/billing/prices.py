"""What a picture costs at the prices in the table of models: before it is made, and from what an
answer counted. All in US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from generation.models import EngineModel

ZERO = Decimal(0)
QUANTUM = Decimal("0.000001")
MILLION = Decimal(1_000_000)
MAX_TOKENS = 10_000_000  # of one answer; models give some ten thousand
CHARACTERS_PER_TOKEN = 4  # Google's rule of thumb for English
REFERENCE_TOKENS = 1120  # what Gemini 3 gives to a picture that it is shown, at most by default
THINKING_TOKENS = 200  # text out beside a picture; 174 in a recorded answer of Gemini 3 Pro


def estimate(
    model: EngineModel,
    *,
    size: str = "",
    count: int = 1,
    references: int = 0,
    prompt: str = "",
    in_bulk: bool = False,
) -> Decimal:
    """What so many pictures will cost, a little on the high side; 0 where prices are not known."""
    input_tokens = len(prompt) // CHARACTERS_PER_TOKEN + REFERENCE_TOKENS * references
    each = (
        _cost(input_tokens, model.usd_input)
        + _cost(_picture_tokens(model, size), model.usd_image)
        + _cost(THINKING_TOKENS, model.usd_text)
    )
    return rounded(each * count * _share(model, in_bulk))


def price(
    usage: Mapping[str, Any],
    model: EngineModel,
    *,
    pictures: int = 0,
    size: str = "",
    in_bulk: bool = False,
) -> Decimal:
    """What an answer costs, from its `usageMetadata`.

    Whatever of `totalTokenCount` is neither input nor picture is text, thoughts included: the other
    counts overlap, and differ between answers with a picture and without. `pictures` of `size` is
    what came, for answers in which their tokens are not counted apart.
    """
    given = _number(usage, "promptTokenCount") + _number(usage, "toolUsePromptTokenCount")
    out = _number(usage, "candidatesTokenCount") + _number(usage, "thoughtsTokenCount")
    total = _number(usage, "totalTokenCount") or given + out
    drawn = _image_tokens(usage)
    if drawn is None:
        drawn = pictures * _picture_tokens(model, size)
    usd = (
        _cost(given, model.usd_input)
        + _cost(drawn, model.usd_image)
        + _cost(max(0, total - given - drawn), model.usd_text)
    )
    return rounded(usd * _share(model, in_bulk))


def picture_prices(model: EngineModel) -> dict[str, Decimal]:
    """Of a picture alone by size, without what is sent and thought; {} where it is not known."""
    if model.usd_image is None:
        return {}
    sizes = model.image_sizes or [""]
    return {
        size: _cost(_picture_tokens(model, size), model.usd_image).normalize() for size in sizes
    }


def _picture_tokens(model: EngineModel, size: str) -> int:
    """Of a size that is not in the table: the most that any other has."""
    counts = model.image_tokens
    size = size or (model.image_sizes[0] if model.image_sizes else "")
    return counts.get(size, max(counts.values(), default=0))


def _image_tokens(usage: Mapping[str, Any]) -> int | None:
    """None where the answer does not count its pictures apart."""
    details = usage.get("candidatesTokensDetails")
    pictures = [
        each
        for each in (details if isinstance(details, list) else [])
        if isinstance(each, dict) and each.get("modality") == "IMAGE"
    ]
    return sum(_number(each, "tokenCount") for each in pictures) if pictures else None


def _number(counts: Mapping[str, Any], name: str) -> int:
    """A count that makes no sense must not cost us the picture that it came with."""
    value = counts.get(name)
    return value if isinstance(value, int) and 0 < value < MAX_TOKENS else 0


def _cost(tokens: int, usd_per_million: Decimal | None) -> Decimal:
    return tokens * (usd_per_million or ZERO) / MILLION


def _share(model: EngineModel, in_bulk: bool) -> Decimal:
    return model.batch_share if in_bulk else Decimal(1)


def rounded(usd: Decimal) -> Decimal:
    return usd.quantize(QUANTUM, ROUND_HALF_UP)


def format_usd(usd: Decimal) -> str:
    """As people read it: cents, and more digits where there are only fractions of one."""
    if usd == 0 or abs(usd) >= Decimal("0.01"):
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if abs(usd) >= Decimal("0.0001") else "less than $0.0001"
