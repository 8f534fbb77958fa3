"""Statements about rights that forbid a use, in the words of several languages and in codes.

They are looked for to make somebody check the terms: a sentence too many costs a look, a sentence
too few a lawsuit. That a picture is protected by copyright forbids nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MAX_QUOTE, MAX_SENTENCES, MAX_SEARCHED = 160, 6, 5_000

# Editorial use only; no derivatives, alteration, cropping; no commercial use; no AI
WORDS = re.compile(
    r"""
    # English
      \beditorial(?:ly)?\s+(?:use\s+|purposes?\s+|usage\s+)?(?:only|exclusive) | \beditorial\s+use\b
    | \b(?:only|solely|exclusively|strictly)\s+(?:for\s+|to\s+be\s+used\s+)?(?:in\s+)?editorial
    | \bfor\s+editorial\s+(?:use|purposes?)\b
    | \b(?:no|without|non?)[\s-]+(?:derivat|adaptation|alteration|modification|manipulation|retouch
        |crop|resale|commercial|advertising|promotion|third.party|(?:gen(?:erative)?\s*)?ai\b
        |machine\s+learning|data\s+mining|text\s+and\s+data|training|social\s+media|archiv)
    | \b(?:do|must|may|shall|can)\s*not\s+(?:be\s+)?(?:use|alter|modif|crop|edit|chang|retouch
        |manipulat|resell|sell|publish|distribut|train|copy|copied|reproduc)
    | \bnot\s+(?:for|permitted|allowed|to\s+be)\b | \bnon-?\s?commercial
    | \bonly\s+for\s+(?:internal|personal|private|press)
    | \b(?:internal|personal|private|press|non-?profit)\s+use\s+only
    | \bunder\s+embargo\b | \bembargo(?:ed)?\s+until
    # Creative Commons
    | \bnoderiv | creativecommons\.org/licenses/by(?:-nc)?-nd
    | \bCC[\s-]+BY(?:[\s-]NC)?[\s-]ND\b
    # German
    | \b(?:nur|ausschlie(?:ß|ss)lich|lediglich|rein)\s+(?:(?:für|zur|zu)\s+)?(?:(?:den|die)\s+)?
        redaktionell
    | \bredaktionelle[rnsm]?\s+(?:nutzung|verwendung|zwecke?n?|gebrauch|berichterstattung)
    | \bkeine?\w*\s+(?:bearbeitung|veränderung|änderung|kommerziell|werb|weitergabe|ki\b
        |abgeleitet|montage|beschnitt)
    | \bnicht\s+(?:für|zur|zu|kommerziell|bearbeite|verändert|gestattet|erlaubt|zulässig)
    # French
    | \b(?:usage|utilisation|fins?)\s+(?:(?:strict|exclusiv|unique)ement\s+)?[ée]ditorial
    | \b[ée]ditorial(?:e|es)?\s+(?:uniquement|seulement|exclusivement)
    | \b(?:pas|sans|aucune?)\s+(?:de\s+|d['\u2019])?(?:modification|(?:œ|oe)uvres?\s+dérivée
        |retouche|usage\s+commercial|utilisation\s+commerciale|recadrage)
    # Spanish and Portuguese
    | \b(?:s[oó]lo|[uú]nicamente|exclusivamente|apenas|somente)\s+(?:para\s+)?(?:o\s+)?
        (?:uso\s+|fins\s+|fines\s+)?editoria(?:l|is)
    | \b(?:uso|fines|fins)\s+(?:exclusivamente\s+|estritamente\s+)?editoria(?:l|les|is)\b
    | \b(?:sin|sem)\s+(?:obras?\s+)?(?:derivad|modifica|altera|uso\s+comercial
        |fins\s+comerciais|fines\s+comerciales)
    # Italian
    | \b(?:solo|solamente|esclusivamente)\s+(?:per\s+)?(?:uso|scopi|fini)\s+editorial[ei]
    | \buso\s+editoriale\b
    | \b(?:nessuna|senza|non)\s+(?:opere?\s+derivat|modific|uso\s+commerciale|commercial)
    # Dutch
    | \b(?:alleen|uitsluitend|enkel|slechts)\s+(?:voor\s+)?redactione+l
    | \bredactione+le?\s+(?:gebruik|doeleinden)
    | \b(?:geen|niet)\s+(?:voor\s+|te\s+)?(?:bewerk|afgeleide|commerci|wijzig)
    # Polish
    | \b(?:tylko|wyłącznie)\s+(?:do\s+)?(?:użytku\s+|celów\s+|użycia\s+)?redakcyjn
    | \bu[żz]y\w+\s+redakcyjn
    | \b(?:bez|zakaz)\s+(?:utworów\s+zależnych|modyfikacji|przeróbek|wykorzystania
        |użytku\s+komercyjnego)
    # Prohibitions
    | \bprohibit\w*|\bforbid\w*|\bverboten\b|\buntersagt\b|\binterdit\w*|\bproh[ií]bid[oa]s?\b
    | \bvietat[oaie]\b|\bverboden\b|\bzabronion[eya]\b|\bproibid[oa]s?\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Says no more than that there is a copyright
USUAL = re.compile(
    r"\b(?:unauthori[sz]ed|unlicensed|ohne\s+\w+"
    r"|without\s+(?:the\s+)?(?:prior\s+)?(?:written\s+)?(?:permission|consent))\b",
    re.IGNORECASE,
)
TEXTS = {
    "copyright": "copyright notice",
    "usage_terms": "usage terms",
    "licence": "licence",
    "instructions": "instructions",
    "licensor_url": "licence address",
}
PROPERTIES = {
    "plus:OtherConstraints": "other constraints",
    "plus:OtherConditions": "other conditions",
    "plus:TermsAndConditionsText": "terms and conditions",
    "cc:license": "Creative Commons licence",
    "cc:prohibits": "Creative Commons licence",
    "xmpRights:WebStatement": "rights web page",
}
CODES = {  # the code of PLUS at the end of a value -> what it says
    "AL-CRP": "the image must not be cropped",
    "AL-CLR": "the image must not be coloured",
    "AL-DCL": "the image must not be decolourised",
    "AL-FLP": "the image must not be flipped",
    "AL-MRG": "the image must not be merged with others",
    "AL-RET": "the image must not be retouched",
    "MR-LMR": "the model releases are limited or incomplete",
    "PR-LPR": "the property releases are limited or incomplete",
}
CODED = ("plus:ImageAlterationConstraints", "plus:ModelReleaseStatus", "plus:PropertyReleaseStatus")
DATA_MINING = "plus:DataMining"
MINING_TERM = re.compile(r"DMI-PROHIBITED[A-Z-]{0,60}")


def find_restrictions(
    texts: Mapping[str, str], properties: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return a sentence, without its stop, for each statement that forbids something.

    `texts` are values by the keys of TEXTS, `properties` those of XMP.
    """
    sentences = dict.fromkeys(_sentences(texts, properties))
    return tuple(sentences)[:MAX_SENTENCES]


def _sentences(
    texts: Mapping[str, str], properties: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    said: set[str] = set()
    for name, label in TEXTS.items():
        if (quote := _quote(texts.get(name, ""))) and quote not in said:
            said.add(quote)
            yield f"The file's {label} says “{quote}”"
    for name, label in PROPERTIES.items():
        for value in properties.get(name, ())[:3]:
            if (quote := _quote(value)) and quote not in said:
                said.add(quote)
                yield f"The file's {label} says “{quote}”"
    for name in CODED:
        for value in properties.get(name, ())[:20]:
            if meaning := CODES.get(value.rpartition("/")[2].strip()):
                yield f"The file's PLUS metadata says that {meaning}"
    for value in properties.get(DATA_MINING, ())[:3]:
        if found := MINING_TERM.search(value):
            yield f"The file's PLUS metadata forbids data mining ({found[0]})"


def _quote(text: str) -> str:
    """Return the part of a text around the words that forbid; empty: none do."""
    text = " ".join(text[:MAX_SEARCHED].split()).replace("; ", ", ")  # sentences are joined by it
    for found in WORDS.finditer(text):
        around = text[max(0, found.start() - 60) : found.end() + 60]
        plain = re.match(
            r"prohib|forbid|verb|unters|interd|viet|zabr|proib", found[0], re.IGNORECASE
        )
        if plain and USUAL.search(around):
            continue
        start = max(0, found.start() - MAX_QUOTE // 2) if len(text) > MAX_QUOTE else 0
        end = min(len(text), start + MAX_QUOTE)
        return "…" * (start > 0) + text[start:end].strip() + "…" * (end < len(text))
    return ""
