"""Words in an image, by optical character recognition (OCR).

The optional packages rapidocr and onnxruntime are used here only. The models are part of the
package, so nothing is downloaded. Without these packages, words are not checked.
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

# Minimum OCR score, 0 to 1: buttons and wheels are read as an O, with lower scores than words have
MIN_CONFIDENCE = 0.85
MIN_WORD_LENGTH = 3  # letters and digits
MAX_SIDE = 1600  # longest side in pixels of the image that is read
MIN_SIMILARITY = 0.8  # ratio of `difflib`: one misread letter in a word of six


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def read_words(picture: Image.Image) -> list[str] | None:
    """Return the distinct words in an image, in reading order; None if OCR is not installed."""
    if not is_installed():
        return None
    rgb = picture.convert("RGB")
    rgb.thumbnail((MAX_SIDE, MAX_SIDE))
    read = _reader()(np.asarray(rgb)[:, :, ::-1].copy())  # expects BGR
    lines = zip(read.txts or (), read.scores or (), strict=True)
    found = [word for line, score in lines if score >= MIN_CONFIDENCE for word in split_words(line)]
    return list(dict.fromkeys(found))


def unapproved_words(found: Iterable[str], approved: Iterable[str]) -> list[str]:
    """Return those of `found` that are in none of the `approved` words and phrases.

    Capitals, accents and single misread letters are ignored: OCR loses an umlaut, or reads an l as
    an i.
    """
    known = {form for phrase in approved for word in split_words(phrase) for form in _forms(word)}
    return [word for word in found if not any(_is_known(form, known) for form in _forms(word))]


def split_words(line: str) -> list[str]:
    """Return the words of a text, without those under MIN_WORD_LENGTH and those of one repeated
    character: OCR reads "000" or a single letter in a pattern."""
    parts = re.findall(r"[^\W_]+", line)
    return [
        part for part in parts if len(part) >= MIN_WORD_LENGTH and len(set(part.casefold())) > 1
    ]


def _forms(word: str) -> set[str]:
    """Return the forms under which a word is compared: in lower case as written, without accents,
    and without the accented letters."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return {
        word.casefold(),
        "".join(letter for letter in plain if not unicodedata.combining(letter)),
        word.lower().encode("ascii", "ignore").decode(),
    } - {""}


def _is_known(form: str, known: set[str]) -> bool:
    return form in known or bool(difflib.get_close_matches(form, known, n=1, cutoff=MIN_SIMILARITY))


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,  # no third model for upside-down text
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
        }
    )
