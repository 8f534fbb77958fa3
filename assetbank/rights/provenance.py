"""Digital source types (IPTC): read from uploaded files, and written into rendered ones as XMP.

Originals are never changed.
"""

from __future__ import annotations

import re

from assetbank.errors import InvalidAsset
from assetbank.media import ImageFacts
from assetbank.media.metadata import FileMetadata, write_metadata
from assetbank.models import Asset
from assetbank.rights import content_credentials

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# With any of these terms, a trained model made at least a part of the image
MADE_WITH_AI = {
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
}
# The vocabulary, with terms that are no longer recommended but occur in files
SOURCE_TYPES = MADE_WITH_AI | {
    *("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"),
    *("humanEdits", "minorHumanEdits", "composite", "compositeCapture", "screenCapture"),
    *("virtualRecording", "algorithmicMedia", "algorithmicallyEnhanced", "dataDrivenMedia"),
    *("digitalCreation", "digitalArt", "softwareImage"),
}
# As an RDF element or attribute. Untrusted XMP is not given to an XML parser
SOURCE_TYPE_IN_XMP = re.compile(
    rb"""DigitalSourceType(?:\s*=\s*["']|[^>]{0,400}>)\s*([^"'<\s]{1,200})"""
)
TERM = re.compile(r"[A-Za-z]{3,40}")


# Choices for the user where the file has no source type
CLAIMABLE_SOURCE_TYPES = {
    "": "Not recorded",
    "digitalCapture": "Photograph",
    "digitalCreation": "Artwork by a person",
    "compositeWithTrainedAlgorithmicMedia": "Edited with AI",
    "trainedAlgorithmicMedia": "Made with AI",
}


def check_source_type(asset: Asset) -> None:
    """Raise InvalidAsset for an unknown term, or if the studio made the image."""
    if asset.digital_source_type and asset.digital_source_type not in SOURCE_TYPES:
        raise InvalidAsset(
            "digital_source_type must be a term of the IPTC Digital Source Type vocabulary."
        )
    if asset.generation_id:
        raise InvalidAsset(
            "This asset was generated in the studio, so its digital source type cannot be changed."
        )


def check_source_type_claim(data: bytes, image: ImageFacts, term: str) -> None:
    """Raise InvalidAsset if the file is marked as made with AI and `term` denies that."""
    if (
        term not in MADE_WITH_AI
        and read_source_type(data, image)["digital_source_type"] in MADE_WITH_AI
    ):
        raise InvalidAsset(
            "The file's own metadata records that it was made with AI, so its digital source "
            "type cannot deny it."
        )


def ai_label(asset: Asset) -> str:
    """Return the label that is shown on the image: "Made with AI", "Sketch", or empty."""
    if asset.digital_source_type in MADE_WITH_AI:
        return "Made with AI"
    return "Sketch" if asset.engine_model == "sketch" else ""


def read_source_type(data: bytes, image: ImageFacts) -> dict[str, str]:
    """Return the digital source type of an uploaded file, as a field of its asset.

    It is read from the XMP and from valid Content Credentials. A term of MADE_WITH_AI in either
    takes precedence over others.
    """
    signed = content_credentials.parse_credentials(data, image.mime)
    terms = [source_type(image.xmp), *(signed.source_types if signed else ())]
    with_ai = (term for term in terms if term in MADE_WITH_AI)
    term = next(with_ai, "") or next(filter(None, terms), "")
    return {"digital_source_type": term[:40]}


def source_type(xmp: bytes) -> str:
    """Return the last part of the DigitalSourceType URI in an XMP packet; empty: it has none."""
    found = SOURCE_TYPE_IN_XMP.search(xmp)
    term = found[1].decode("ascii", "ignore").rpartition("/")[2] if found else ""
    return term if TERM.fullmatch(term) else ""


def file_properties(asset: Asset) -> dict[str, tuple[str, ...]]:
    """Return the XMP properties that say how an asset was made, for files rendered from it."""
    properties: dict[str, tuple[str, ...]] = {}
    if asset.digital_source_type:
        properties["Iptc4xmpExt:DigitalSourceType"] = (VOCABULARY + asset.digital_source_type,)
    if asset.engine_model:
        properties["xmp:CreatorTool"] = (asset.engine_model,)
    return properties


def embed_xmp(asset: Asset, renditions: dict[str, bytes]) -> dict[str, bytes]:
    """Return the renditions, by name, with the asset's provenance as XMP, and no other metadata.

    Renditions are cached for ever, so they hold only what never changes.
    """
    properties = file_properties(asset)
    if not properties:
        return renditions
    nothing = FileMetadata()
    return {
        name: write_metadata(data, fields=nothing, properties=properties)
        for name, data in renditions.items()
    }
