"""What a picture says of its own making, in the words of IPTC: read from files that come in, and
written into those that leave. Originals are never touched."""

from __future__ import annotations

import re
import struct
from xml.sax.saxutils import escape

from assetbank.errors import InvalidAsset
from assetbank.media import ImageFacts
from assetbank.models import Asset
from assetbank.rights import content_credentials

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# By any of these words a picture is, at least in part, the work of a trained model
MADE_WITH_AI = {
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
}
# The vocabulary, with words that are not recommended any more but stand in files
SOURCE_TYPES = MADE_WITH_AI | {
    *("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"),
    *("humanEdits", "minorHumanEdits", "composite", "compositeCapture", "screenCapture"),
    *("virtualRecording", "algorithmicMedia", "algorithmicallyEnhanced", "dataDrivenMedia"),
    *("digitalCreation", "digitalArt", "softwareImage"),
}
NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
# As an element or as an attribute of RDF. What comes from outside is not given to an XML parser
SOURCE_TYPE_IN_XMP = re.compile(
    rb"""DigitalSourceType(?:\s*=\s*["']|[^>]{0,400}>)\s*([^"'<\s]{1,200})"""
)
WORD = re.compile(r"[A-Za-z]{3,40}")


# What people choose from where a file says nothing
CLAIMABLE_SOURCE_TYPES = {
    "": "Not said",
    "digitalCapture": "Photographed",
    "digitalCreation": "Drawn or designed by a person",
    "compositeWithTrainedAlgorithmicMedia": "Changed with AI",
    "trainedAlgorithmicMedia": "Made with AI",
}


def check_source_type(asset: Asset) -> None:
    """Of what the studio made, nobody says anything else. Raises InvalidAsset."""
    if asset.digital_source_type and asset.digital_source_type not in SOURCE_TYPES:
        raise InvalidAsset("digital_source_type is a word of IPTC's vocabulary of that name.")
    if asset.generation_id:
        raise InvalidAsset("The studio made this picture, so how it was made is known.")


def check_source_type_claim(data: bytes, picture: ImageFacts, word: str) -> None:
    """Nobody takes back that a file says of itself to be made with AI. Raises InvalidAsset."""
    if (
        word not in MADE_WITH_AI
        and read_source_type(data, picture)["digital_source_type"] in MADE_WITH_AI
    ):
        raise InvalidAsset("This file says of itself that it was made with AI.")


def ai_label(asset: Asset) -> str:
    """What stands on the picture wherever it is shown; mostly nothing."""
    if asset.digital_source_type in MADE_WITH_AI:
        return "Made with AI"
    return "Sketch" if asset.engine_model == "sketch" else ""


def read_source_type(data: bytes, picture: ImageFacts) -> dict[str, str]:
    """What an uploaded file says of its making, in its XMP or its Content Credentials: fields of
    an asset. One step with AI is enough, wherever it is said."""
    signed = content_credentials.parse_credentials(data, picture.mime)
    words = [source_type(picture.xmp), *(signed.source_types if signed else ())]
    with_ai = (word for word in words if word in MADE_WITH_AI)
    said = next(with_ai, "") or next(filter(None, words), "")
    return {"digital_source_type": said[:40]}


def source_type(xmp: bytes) -> str:
    """The DigitalSourceType that an XMP packet names, without its address; empty: none."""
    found = SOURCE_TYPE_IN_XMP.search(xmp)
    word = found[1].decode("ascii", "ignore").rpartition("/")[2] if found else ""
    return word if WORD.fullmatch(word) else ""


def xmp_packet(asset: Asset, *, rights: bool = True) -> bytes:
    """XMP for a file that is drawn from `asset`; empty when there is nothing to say.

    Without `rights` only what never changes is said: renditions are kept for good.
    """
    said = []
    if asset.digital_source_type:
        said.append(
            _element("Iptc4xmpExt:DigitalSourceType", VOCABULARY + asset.digital_source_type)
        )
    if asset.engine_model:
        said.append(_element("xmp:CreatorTool", asset.engine_model))
    if rights and asset.credit:
        said.append(
            f"<dc:creator><rdf:Seq>{_element('rdf:li', asset.credit)}</rdf:Seq></dc:creator>"
        )
        said.append(_element("photoshop:Credit", asset.credit))
    if rights and asset.licence:
        licence = f'<rdf:li xml:lang="x-default">{escape(asset.licence)}</rdf:li>'
        said.append(f"<dc:rights><rdf:Alt>{licence}</rdf:Alt></dc:rights>")
        said.append(_element("xmpRights:Marked", "True"))
    if not said:
        return b""
    spaces = " ".join(f'xmlns:{name}="{address}"' for name, address in NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces}>{"".join(said)}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


# ------------------------------------------------------------------------ into renditions


def embed_xmp(asset: Asset, renditions: dict[str, bytes]) -> dict[str, bytes]:
    """The same pictures with what is known of their making."""
    xmp = xmp_packet(asset, rights=False)
    return {name: embed_in_webp(data, xmp) for name, data in renditions.items()}


def embed_in_webp(data: bytes, xmp: bytes) -> bytes:
    """A rendition (WebP, lossy, one picture without transparency) with an XMP packet. Its pixels
    are not encoded again: the file gets the header of an extended one, and the packet behind."""
    if not xmp:
        return data
    picture = data[12:]  # one chunk, "VP8 "
    width, height = (side & 0x3FFF for side in struct.unpack("<HH", picture[14:18]))
    edges = b"".join(struct.pack("<I", side - 1)[:3] for side in (width, height))
    has_xmp = bytes([0x04, 0, 0, 0])
    body = b"WEBP" + _chunk(b"VP8X", has_xmp + edges) + picture + _chunk(b"XMP ", xmp)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
