"""Prices of images in US dollars, from the table of models: estimated before an image is generated,
and computed from the usage of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from generation.models import EngineModel

ZERO = Decimal(0)
QUANTUM = Decimal("0.000001")
MILLION = Decimal(1_000_000)
MAX_TOKENS = 10_000_000  # Higher counts of one answer are ignored; real ones are some 10,000
CHARACTERS_PER_TOKEN = 4  # Google's rule of thumb for English
REFERENCE_TOKENS = 1120  # Maximum per input image of Gemini 3 by default
THINKING_TOKENS = 200  # Text output per image; 174 in a recorded answer of Gemini 3 Pro


def estimate(
    model: EngineModel,
    *,
    size: str = "",
    count: int = 1,
    references: int = 0,
    prompt: str = "",
    in_bulk: bool = False,
) -> Decimal:
    """Return the estimated price of `count` images in US dollars, rather too high than too low; 0
    if the model has no prices.

    `references` is the number of images sent with each request.
    """
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
    """Return the price of an answer from its `usageMetadata`.

    The part of `totalTokenCount` that is neither input nor image is text, thoughts included: the
    other counts overlap, and differ between answers with and without an image. `pictures` and
    `size` are used for answers that do not count the tokens of their images separately.
    """
    tokens_in = _number(usage, "promptTokenCount") + _number(usage, "toolUsePromptTokenCount")
    tokens_out = _number(usage, "candidatesTokenCount") + _number(usage, "thoughtsTokenCount")
    total = _number(usage, "totalTokenCount") or tokens_in + tokens_out
    image_tokens = _image_tokens(usage)
    if image_tokens is None:
        image_tokens = pictures * _picture_tokens(model, size)
    usd = (
        _cost(tokens_in, model.usd_input)
        + _cost(image_tokens, model.usd_image)
        + _cost(max(0, total - tokens_in - image_tokens), model.usd_text)
    )
    return rounded(usd * _share(model, in_bulk))


def picture_prices(model: EngineModel) -> dict[str, Decimal]:
    """Return the US dollars for one image of a model by its size, without input and thoughts; {} if
    they are not known."""
    if model.usd_image is None:
        return {}
    sizes = model.image_sizes or [""]
    return {
        size: _cost(_picture_tokens(model, size), model.usd_image).normalize() for size in sizes
    }


def _picture_tokens(model: EngineModel, size: str) -> int:
    """Return the tokens that a model counts for an image of that size; for an unknown size, the
    maximum of all its sizes."""
    counts = model.image_tokens
    size = size or (model.image_sizes[0] if model.image_sizes else "")
    return counts.get(size, max(counts.values(), default=0))


def _image_tokens(usage: Mapping[str, Any]) -> int | None:
    """Return the tokens of all images of an answer; None if its usage does not count them
    separately."""
    details = usage.get("candidatesTokensDetails")
    images = [
        each
        for each in (details if isinstance(details, list) else [])
        if isinstance(each, dict) and each.get("modality") == "IMAGE"
    ]
    return sum(_number(each, "tokenCount") for each in images) if images else None


def _number(counts: Mapping[str, Any], name: str) -> int:
    """Return a count of an answer's usage by its name, 0 if it is implausible: no image is lost
    because of a wrong count."""
    value = counts.get(name)
    return value if isinstance(value, int) and 0 < value < MAX_TOKENS else 0


def _cost(tokens: int, usd_per_million: Decimal | None) -> Decimal:
    return tokens * (usd_per_million or ZERO) / MILLION


def _share(model: EngineModel, in_bulk: bool) -> Decimal:
    return model.batch_share if in_bulk else Decimal(1)


def rounded(usd: Decimal) -> Decimal:
    """Return an amount of US dollars, rounded to the QUANTUM of the ledger."""
    return usd.quantize(QUANTUM, ROUND_HALF_UP)


def format_usd(usd: Decimal) -> str:
    """Return an amount for users: in cents, or with more digits if it is below one cent."""
    if usd == 0 or abs(usd) >= Decimal("0.01"):
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if abs(usd) >= Decimal("0.0001") else "less than $0.0001"
