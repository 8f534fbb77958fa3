"""XMP packets: parsed with limits, edited property by property, serialised.

Properties that nobody here knows stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from assetbank.media.metadata.table import NAMESPACES, Kind
from assetbank.media.metadata.values import clean

MAX_PACKET, MAX_DEPTH, MAX_ELEMENTS, MAX_VALUES = 8_000_000, 12, 50_000, 2_000
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/1998/namespace}"
ARRAYS = {f"{RDF}{name}" for name in ("Bag", "Seq", "Alt")}
ROOT = re.compile(r"<(?:[\w.-]{1,40}:)?(?:xmpmeta|xapmeta|RDF)[\s>]")
END = re.compile(r"</(?:[\w.-]{1,40}:)?(?:xmpmeta|xapmeta|RDF)\s{0,9}>")
DECLARED = re.compile(r"""xmlns:([A-Za-z_][\w.-]{0,40})\s{0,9}=\s{0,9}["']([^"']{1,300})["']""")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PREFIXES = {address: prefix for prefix, address in NAMESPACES.items()}
# What describes the pixels or the layout of another file: sizes, thumbnails, gain and depth maps
OF_THE_PIXELS = re.compile(
    r"tiff:(ImageWidth|ImageLength|Orientation|BitsPerSample|Compression|PhotometricInterpretation|"
    r"SamplesPerPixel|PlanarConfiguration|YCbCr\w+|[XY]Resolution|ResolutionUnit|StripOffsets|NativeDigest)|"
    r"exif:(PixelXDimension|PixelYDimension|ColorSpace|NativeDigest)|"
    r"photoshop:(ICCProfile|ColorMode|DocumentAncestors|TextLayers)|xmp:Thumbnails|xmpNote:\w+|"
    r"(hdrgm|Container|GContainer|GImage|GDepth|GAudio|GCamera|Device|apdi|HDRGainMap):\w+"
)


class Packet:
    """The properties of XMP: elements by their names, as "{namespace}Name"."""

    def __init__(self) -> None:
        self.properties: dict[str, Element] = {}
        self.prefixes: dict[str, str] = {**PREFIXES, XML[1:-1]: "xml"}  # address -> prefix

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the texts of all properties by "prefix:Name", for structures with more such parts.

        Of alternatives in several languages, the default is the first.
        """
        found: dict[str, list[str]] = {}
        for name, element in self.properties.items():
            for path, text in self._texts(element, self.name(name), 0):
                values = found.setdefault(path, [])
                if text and len(values) < MAX_VALUES:
                    values.append(text)
        return {path: tuple(values) for path, values in found.items() if values}

    def name(self, tag: str) -> str:
        """Return "prefix:Name" of a "{namespace}Name"."""
        address, _, name = tag[1:].rpartition("}")
        return f"{self.prefixes.get(address, 'unknown')}:{name}"

    def tag(self, name: str) -> str:
        """Return the "{namespace}Name" of a "prefix:Name"; an unknown prefix gets a namespace."""
        prefix, _, local = name.partition(":")
        addresses = {known: address for address, known in self.prefixes.items()}
        address = addresses.get(prefix) or f"urn:xmp:{prefix}:"
        self.prefixes[address] = prefix
        return f"{{{address}}}{local}"

    def _texts(self, element: Element, path: str, depth: int) -> Iterator[tuple[str, str]]:
        if depth > MAX_DEPTH:
            return
        children = list(element)
        if len(children) == 1 and children[0].tag == f"{RDF}Description":
            children = list(children[0])
        if children and children[0].tag in ARRAYS:
            for item in _items(children[0]):
                yield from self._texts(item, path, depth + 1)
        elif value := next((each for each in children if each.tag == f"{RDF}value"), None):
            yield path, clean(value.text or "", lines=True)
        elif children:
            for child in children:
                yield from self._texts(child, f"{path}/{self.name(child.tag)}", depth + 1)
        else:
            text = element.text or element.get(f"{RDF}resource") or ""
            yield path, clean(text, lines=True)

    def set(self, path: str, values: Sequence[str], kind: Kind = Kind.TEXT) -> None:
        """Replace a property, or the first field of that path in a structure."""
        top, _, inner = path.partition("/")
        tag = self.tag(top)
        if not inner:
            self.properties[tag] = _property(tag, values, kind)
            return
        if existing := next(self._inner(tag, self.tag(inner)), None):
            existing[1].text = values[0]
            return
        element = self.properties.setdefault(tag, Element(tag))
        array = next((each for each in element if each.tag in ARRAYS), None)
        if array is None:
            element.clear()
            array = _child(element, f"{RDF}Seq")
        items = [each for each in array if not each.text or not each.text.strip()]
        item = items[0] if items else _child(array, f"{RDF}li")
        if not any(each.tag == f"{RDF}Description" for each in item):
            item.set(f"{RDF}parseType", "Resource")
            _child(item, self.tag(inner)).text = values[0]
        else:
            _child(item[0], self.tag(inner)).text = values[0]

    def remove(self, path: str) -> None:
        """Remove a property, or the fields of that path in a structure."""
        top, _, inner = path.partition("/")
        if not inner:
            self.properties.pop(self.tag(top), None)
            return
        for parent, child in list(self._inner(self.tag(top), self.tag(inner))):
            parent.remove(child)

    def _inner(self, top: str, inner: str) -> Iterator[tuple[Element, Element]]:
        if (element := self.properties.get(top)) is not None:
            for parent in element.iter():
                for child in parent:
                    if child.tag == inner:
                        yield parent, child

    def remove_pixels(self) -> None:
        """Remove what describes the pixels of the file that the packet is from."""
        for tag in [tag for tag in self.properties if OF_THE_PIXELS.fullmatch(self.name(tag))]:
            del self.properties[tag]

    def to_bytes(self) -> bytes:
        """Return the packet; empty, if it has no property."""
        if not self.properties:
            return b""
        used = {tag[1:].rpartition("}")[0] for e in self.properties.values() for tag in _tags(e)}
        declared = " ".join(
            f"xmlns:{self.prefixes[address]}={quoteattr(address)}"
            for address in sorted(used)
            if address not in (RDF[1:-1], XML[1:-1]) and address in self.prefixes
        )
        elements = "".join(self._xml(element, 0) for element in self.properties.values())
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            f'<rdf:RDF xmlns:rdf="{RDF[1:-1]}"><rdf:Description rdf:about="" {declared}>{elements}'
            '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        ).encode()

    def split(self, limit: int) -> tuple[bytes, bytes]:
        """Return the packet, and an extended one with its largest properties if it exceeds `limit`.

        The first names the second by its MD5, as XMP in a JPEG must.
        """
        main, extended = Packet(), Packet()
        main.prefixes = extended.prefixes = self.prefixes
        main.properties = dict(self.properties)
        sizes = {tag: len(self._xml(element, 0)) for tag, element in self.properties.items()}
        for tag in sorted(sizes, key=lambda tag: -sizes[tag]):
            if len(main.to_bytes()) <= limit:
                break
            extended.properties[tag] = main.properties.pop(tag)
            name = hashlib.md5(extended.to_bytes(), usedforsecurity=False).hexdigest().upper()
            main.set("xmpNote:HasExtendedXMP", [name])
        return main.to_bytes(), extended.to_bytes()

    def _xml(self, element: Element, depth: int) -> str:
        if depth > 2 * MAX_DEPTH or not self._known(element.tag):
            return ""
        name = self.name(element.tag)
        attributes = "".join(
            f" {self.name(key)}={quoteattr(value)}"
            for key, value in element.attrib.items()
            if self._known(key)
        )
        content = "".join(self._xml(child, depth + 1) for child in element)
        content = content or escape(element.text or "")
        return f"<{name}{attributes}>{content}</{name}>"

    def _known(self, tag: str) -> bool:
        return tag[:1] == "{" and tag[1:].rpartition("}")[0] in self.prefixes


def parse_packets(packets: Iterable[bytes]) -> Packet:
    """Return the properties of the packets of one file; the first that has a property wins.

    What is damaged or hostile has no properties.
    """
    result = Packet()
    for data in packets:
        text = _text(data)
        try:
            root = fromstring(text, forbid_dtd=True) if text else None
        except (ParseError, DefusedXmlException, ValueError, RecursionError):
            continue
        if root is None or sum(1 for _ in root.iter()) > MAX_ELEMENTS or _too_deep(root):
            continue
        _name_prefixes(result, text)
        for description in _descriptions(root):
            _shorthand_to_elements(description)
            for element in description:
                if element.tag[:1] == "{":
                    result.properties.setdefault(element.tag, element)
    return result


def _text(data: bytes) -> str:
    """Return the XML of a packet in any of XMP's encodings, without its wrapper."""
    data = data[:MAX_PACKET]
    head = data[:8]
    if head.startswith((b"\xff\xfe\0\0", b"<\0\0\0")):
        encoding = "utf-32-le"
    elif head.startswith((b"\0\0\xfe\xff", b"\0\0\0<")):
        encoding = "utf-32-be"
    elif head.startswith((b"\xff\xfe", b"<\0")):
        encoding = "utf-16-le"
    elif head.startswith((b"\xfe\xff", b"\0<")):
        encoding = "utf-16-be"
    else:
        encoding = "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252" if encoding == "utf-8" else encoding, "replace")
    start, ends = ROOT.search(text), [found.end() for found in END.finditer(text)]
    return NOT_XML.sub("", text[start.start() : ends[-1]]) if start and ends else ""


def _too_deep(root: Element) -> bool:
    level = [root]
    for _ in range(2 * MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def _name_prefixes(packet: Packet, text: str) -> None:
    """Give unknown namespaces the prefix that the file gives them, if it is free."""
    taken = {*packet.prefixes.values(), "x", "xml"}
    for prefix, address in DECLARED.findall(text):
        if address not in packet.prefixes and address != "adobe:ns:meta/":
            free = prefix if prefix not in taken else f"ns{len(packet.prefixes)}"
            packet.prefixes[address] = free
            taken.add(free)


def _descriptions(root: Element) -> list[Element]:
    rdf = root if root.tag == f"{RDF}RDF" else root.find(f".//{RDF}RDF")
    return [] if rdf is None else rdf.findall(f"{RDF}Description")


def _shorthand_to_elements(description: Element) -> None:
    """Turn attributes that are properties into elements, in the description and all inside it."""
    for element in list(description.iter()):
        short = [key for key in element.attrib if key[:1] == "{" and not key.startswith((RDF, XML))]
        for key in short:
            _child(element, key).text = element.attrib.pop(key)
        if short and element.tag != f"{RDF}Description":
            element.set(f"{RDF}parseType", "Resource")


def _items(array: Element) -> list[Element]:
    items = array.findall(f"{RDF}li")[:MAX_VALUES]
    if array.tag == f"{RDF}Alt":
        items.sort(key=lambda item: item.get(f"{XML}lang", "").lower() != "x-default")
    return items


def _property(tag: str, values: Sequence[str], kind: Kind) -> Element:
    element = Element(tag)
    name = {Kind.LANG_ALT: "Alt", Kind.SEQ: "Seq", Kind.BAG: "Bag"}.get(kind)
    if name is None:
        element.text = values[0]
        return element
    array = _child(element, RDF + name)
    for value in values:
        item = _child(array, f"{RDF}li")
        item.text = value
        if kind is Kind.LANG_ALT:
            item.set(f"{XML}lang", "x-default")
    return element


def _child(parent: Element, tag: str) -> Element:
    child = Element(tag)
    parent.append(child)
    return child


def _tags(element: Element) -> Iterator[str]:
    for each in element.iter():
        yield each.tag
        yield from each.attrib
