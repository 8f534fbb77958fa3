"""Words and codes that forbid a use are found, in several languages; the usual notices are not."""

from __future__ import annotations

import pytest

from assetbank.media.metadata import parse_xmp
from tests.assetbank.media.metadata.test_reading import packet


def found(name: str, value: str) -> tuple[str, ...]:
    return parse_xmp(packet(f"<{name}>{value}</{name}>").encode()).restrictions


@pytest.mark.parametrize(
    "words",
    [
        "Editorial only",
        "For editorial use only.",
        "EDITORIAL USE ONLY / NO SALES",
        "May only be used in editorial contexts, exclusively editorial",
        "No derivatives",
        "no commercial use without our consent",
        "Do not alter or crop this image",
        "Not for advertising",
        "No AI training",
        "CC BY-NC-ND 4.0",
        "(c) 2019 Beispiel Foto, nur redaktionell",
        "Nur zur redaktionellen Verwendung",
        "ausschließlich redaktionelle Nutzung",
        "Keine Bearbeitung, keine Weitergabe",
        "Usage éditorial uniquement",
        "Utilisation éditoriale",
        "Reproduction interdite",
        "Sólo para uso editorial",
        "Uso editorial exclusivo",
        "Solo uso editoriale",
        "Uitsluitend voor redactioneel gebruik",
        "Alleen redactioneel",
        "Tylko do użytku redakcyjnego",
        "Apenas para uso editorial",
        "Somente fins editoriais",
    ],
)
def test_words_that_forbid(words: str) -> None:
    (sentence,) = found("dc:rights", words)
    assert sentence == f"The file's copyright notice says “{words}”"


@pytest.mark.parametrize(
    "words",
    [
        "© 2019 Beispiel Foto",
        "All rights reserved",
        "Alle Rechte vorbehalten",
        "Tous droits réservés",
        "Unauthorised reproduction prohibited",
        "Editorial team of Acme",
        "Redaktion: Ana Beispiel",
        "CC BY-SA 4.0",
        "Royalty free, for all uses",
        "Photo: Nora Only",
    ],
)
def test_words_that_do_not(words: str) -> None:
    assert found("dc:rights", words) == ()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("photoshop:Instructions", "Not for AI", "instructions says “Not for AI”"),
        ("plus:OtherConstraints", "No billboards; no crop", "says “No billboards, no crop”"),
        ("plus:ImageAlterationConstraints", "AL-CRP", "says that the image must not be cropped"),
        (
            "plus:DataMining",
            "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING",
            "forbids data mining (DMI-PROHIBITED-GENAIMLTRAINING)",
        ),
        (
            "xmpRights:WebStatement",
            "https://creativecommons.org/licenses/by-nd/4.0/",
            "says “https://creativecommons.org/licenses/by-nd/4.0/”",
        ),
    ],
)
def test_properties_that_forbid(name: str, value: str, sentence: str) -> None:
    text = packet(f"<{name}>{value}</{name}>").replace(
        "<rdf:RDF ", '<rdf:RDF xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" ', 1
    )
    (said,) = parse_xmp(text.encode()).restrictions
    assert said.endswith(sentence)


def test_what_is_allowed_says_nothing() -> None:
    for code in ("DMI-ALLOWED", "DMI-UNSPECIFIED"):
        assert found("plus:DataMining", f"http://ns.useplus.org/ldf/vocab/{code}") == ()
    assert found("plus:ModelReleaseStatus", "http://ns.useplus.org/ldf/vocab/MR-UMR") == ()


def test_a_long_text_is_quoted_around_the_words() -> None:
    text = "All rights reserved. " * 40 + "Editorial use only. " + "Contact us. " * 40
    (sentence,) = found("dc:rights", text)
    assert "Editorial use only" in sentence
    assert len(sentence) < 220
