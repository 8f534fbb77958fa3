"""Source types are written into rendered files and read from uploads; originals never change."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageCms

from assetbank.assets import (
    GenerationProvenance,
    downloads,
    open_rendition,
    read_original,
    update_asset,
)
from assetbank.errors import InvalidAsset
from assetbank.media import images
from assetbank.models import Asset
from assetbank.rights import provenance
from assetbank.rights.content_credentials import Action, Credentials
from tests.conftest import picture_bytes
from tests.support.credentials import signed

MakeAsset = Callable[..., Asset]
AI = GenerationProvenance(7, "nano", "A cape", digital_source_type="trainedAlgorithmicMedia")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def xmp_of(data: bytes) -> dict[str, str]:
    """Return the XMP as local name -> text, read by an XML parser; empty without a packet."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        packet = image.info.get("xmp")
    if not packet:
        return {}
    (description,) = ElementTree.fromstring(packet).iter(f"{RDF}Description")
    return {each.tag.partition("}")[2]: "".join(each.itertext()) for each in description}


def rendition(asset: Asset, name: str) -> bytes:
    with open_rendition(asset=asset, name=name) as file:
        data: bytes = file.read()
        return data


@pytest.mark.parametrize("name", images.RENDITIONS)
def test_renditions_of_a_drawn_picture_say_so(make_asset: MakeAsset, name: str) -> None:
    asset = make_asset(provenance=AI, file=picture_bytes(size=(301, 200)))
    for data in (rendition(asset, name), rendition(lost(asset, name), name)):
        assert xmp_of(data) == {
            "DigitalSourceType": provenance.VOCABULARY + "trainedAlgorithmicMedia",
            "CreatorTool": "nano",
        }
        with Image.open(io.BytesIO(data)) as image:
            fmt = "JPEG" if name == "encoder" else "WEBP"
            assert (image.format, image.size) == (fmt, (301, 200))


def lost(asset: Asset, name: str) -> Asset:
    asset.file.storage.delete(asset.rendition_path(name))
    return asset


def test_renditions_from_before_are_drawn_again_once_the_source_is_known(
    make_asset: MakeAsset,
) -> None:
    asset = make_asset()
    plain, address = rendition(asset, "grid"), asset.grid_url
    assert xmp_of(plain) == {}
    Asset.objects.filter(pk=asset.pk).update(digital_source_type="trainedAlgorithmicMedia")
    asset.refresh_from_db()
    assert xmp_of(rendition(asset, "grid"))["DigitalSourceType"].endswith(
        "/trainedAlgorithmicMedia"
    )
    assert asset.grid_url != address  # browsers cache an address for ever


@pytest.mark.parametrize("fmt", downloads.FORMATS)
def test_downloads_carry_source_credit_and_licence(make_asset: MakeAsset, fmt: str) -> None:
    asset = make_asset(
        provenance=AI,
        file=picture_bytes(size=(900, 600)),
        credit="Ana & <Ben>",
        licence="Editorial “EU”",
    )
    drawn = downloads.render_download(asset=asset, fmt=fmt, side=300)
    assert xmp_of(drawn.data) == {
        "DigitalSourceType": provenance.VOCABULARY + "trainedAlgorithmicMedia",
        "CreatorTool": "nano",
        "Credit": "Ana & <Ben>",
        "UsageTerms": "Editorial “EU”",
        "license": "Editorial “EU”",
        "Marked": "True",
    }
    with Image.open(io.BytesIO(drawn.data)) as image:
        assert image.get_format_mimetype() == drawn.mime
        assert image.size == (300, 200)


def test_the_original_stays_untouched(make_asset: MakeAsset) -> None:
    data = picture_bytes((1, 2, 3))
    assert read_original(make_asset(provenance=AI, file=data)) == data


def test_nothing_is_said_of_a_picture_of_which_nothing_is_known(make_asset: MakeAsset) -> None:
    assert xmp_of(downloads.render_download(asset=make_asset(), fmt="jpeg").data) == {}


def element(word: str) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/"
        + word.encode()
        + b"</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


ATTRIBUTE = element("x").replace(
    b"><Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/x"
    b"</Iptc4xmpExt:DigitalSourceType></rdf:Description>",
    b' Iptc4xmpExt:DigitalSourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/'
    b'compositeWithTrainedAlgorithmicMedia"/>',
)


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (element("trainedAlgorithmicMedia"), "trainedAlgorithmicMedia"),
        (ATTRIBUTE, "compositeWithTrainedAlgorithmicMedia"),
        (element("digitalCapture"), "digitalCapture"),
        (element("<!ENTITY"), ""),
        (element("x" * 5000), ""),
        (b"<DigitalSourceType " * 20_000, ""),
    ],
    ids=["element", "attribute", "camera", "markup", "endless", "hostile"],
)
def test_what_an_uploaded_file_says_of_itself_is_kept(
    make_asset: MakeAsset, packet: bytes, word: str
) -> None:
    fmt: dict[str, Any] = {"fmt": "WEBP", "xmp": packet}
    assert make_asset(file=picture_bytes((5, 6, 7), **fmt)).digital_source_type == word


def test_one_step_with_ai_is_enough_wherever_a_file_says_so(make_asset: MakeAsset) -> None:
    camera = picture_bytes((9, 9, 9), fmt="JPEG", xmp=element("digitalCapture"))
    asset = make_asset(file=signed(camera, "image/jpeg"))
    assert provenance.source_type(images.examine(read_original(asset)).xmp)
    assert asset.digital_source_type == "trainedAlgorithmicMedia"
    steps = ("digitalCapture", "", "compositeSynthetic")
    told = Credentials("valid", actions=tuple(Action("", "", step) for step in steps))
    assert told.source_types == ["digitalCapture", "compositeSynthetic"]


def test_nobody_takes_back_that_a_file_says_it_was_made_with_ai(make_asset: MakeAsset) -> None:
    file = picture_bytes(fmt="WEBP", xmp=element("trainedAlgorithmicMedia"))
    with pytest.raises(InvalidAsset, match="own metadata records"):
        make_asset(file=file, digital_source_type="digitalCapture")
    asset = make_asset(file=file)
    for word in ("", "digitalCapture"):
        with pytest.raises(InvalidAsset, match="own metadata records"):
            update_asset(asset=asset, digital_source_type=word)
    asset.refresh_from_db()
    update_asset(asset=asset, digital_source_type="compositeWithTrainedAlgorithmicMedia")
    quiet = make_asset(digital_source_type="trainedAlgorithmicMedia")
    update_asset(asset=quiet, digital_source_type="")  # set by a user, by mistake
    assert not provenance.ai_label(quiet)


def test_a_word_that_is_not_in_the_vocabulary_is_refused(make_asset: MakeAsset) -> None:
    with pytest.raises(InvalidAsset, match="vocabulary"):
        make_asset(digital_source_type="bananas")
    newer = make_asset(file=picture_bytes(fmt="WEBP", xmp=element("holographicCapture")))
    update_asset(asset=newer, title="New", digital_source_type="holographicCapture")


@pytest.mark.parametrize(
    ("kind", "model", "said"),
    [
        ("trainedAlgorithmicMedia", "nano", "Made with AI"),
        ("compositeWithTrainedAlgorithmicMedia", "", "Made with AI"),
        ("algorithmicMedia", "sketch", "Sketch"),
        ("digitalCapture", "", ""),
        ("", "", ""),
    ],
)
def test_the_mark_says_it_in_words(kind: str, model: str, said: str) -> None:
    assert provenance.ai_label(Asset(digital_source_type=kind, engine_model=model)) == said


class TestDownloads:
    def test_transparency_stays_where_a_format_has_it(self, make_asset: MakeAsset) -> None:
        clear = picture_bytes((255, 0, 0, 0), mode="RGBA")
        asset = make_asset(file=clear)
        for fmt, pixel in (("png", (255, 0, 0, 0)), ("jpeg", (255, 255, 255))):
            with Image.open(
                io.BytesIO(downloads.render_download(asset=asset, fmt=fmt).data)
            ) as image:
                assert image.getpixel((5, 5)) == pixel

    def test_pictures_are_upright_and_never_larger(self, make_asset: MakeAsset) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        asset = make_asset(file=picture_bytes(size=(80, 60), fmt="JPEG", exif=exif))
        with Image.open(
            io.BytesIO(downloads.render_download(asset=asset, fmt="png", side=5000).data)
        ) as image:
            assert image.size == (60, 80)
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert downloads.offered_sides(asset) == [80]
