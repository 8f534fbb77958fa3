"""The words that can be read in a picture, where a reader of text is installed.

rapidocr and onnxruntime are that reader, and used nowhere else. Its models come with the package,
so nothing is downloaded. Without it, words are simply not checked.
"""

from __future__ import annotations

import difflib
import importlib.util
import logging
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

MIN_CONFIDENCE = (
    0.85  # of the reader, 0 to 1; it takes buttons and wheels for an O, less surely for words
)
MIN_WORD_LENGTH = 3  # letters and digits of what counts as a word
MAX_SIDE = 1600  # pixels that are looked at
MIN_SIMILARITY = 0.8  # of `difflib`: a misread letter in a word of six


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def read_words(picture: Image.Image) -> list[str] | None:
    """In the order in which they stand, without repeats; None where no reader is installed."""
    if not is_installed():
        return None
    rgb = picture.convert("RGB")
    rgb.thumbnail((MAX_SIDE, MAX_SIDE))
    read = _reader()(np.asarray(rgb)[:, :, ::-1].copy())  # it wants blue first
    lines = zip(read.txts or (), read.scores or (), strict=True)
    found = [word for line, score in lines if score >= MIN_CONFIDENCE for word in split(line)]
    return list(dict.fromkeys(found))


def unapproved_words(found: Iterable[str], approved: Iterable[str]) -> list[str]:
    """Those of `found` that are in none of `approved`, which may be phrases.

    Capitals and accents do not count, and neither does a letter that was misread: readers lose
    an umlaut or take an l for an i.
    """
    known = {form for phrase in approved for word in split(phrase) for form in _forms(word)}
    return [word for word in found if not any(_known(form, known) for form in _forms(word))]


def split(line: str) -> list[str]:
    """Its words that are long enough to be meant: "000" or a lone letter is a pattern."""
    parts = re.findall(r"[^\W_]+", line)
    return [
        part for part in parts if len(part) >= MIN_WORD_LENGTH and len(set(part.casefold())) > 1
    ]


def _forms(word: str) -> set[str]:
    """As written, without accents, and without the letters that had them."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return {
        word.casefold(),
        "".join(letter for letter in plain if not unicodedata.combining(letter)),
        word.lower().encode("ascii", "ignore").decode(),
    } - {""}


def _known(form: str, known: set[str]) -> bool:
    return form in known or bool(difflib.get_close_matches(form, known, n=1, cutoff=MIN_SIMILARITY))


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,  # lettering upside down is not worth a third model
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
        }
    )
