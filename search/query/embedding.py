"""From what is asked to a vector: the text half of CLIP, kept vectors, pictures that are shown."""

from __future__ import annotations

import gc
import io
import time
from functools import cache, lru_cache

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from PIL import Image

from assetbank.assets import read_original
from assetbank.errors import PictureRefused, PictureTooLarge
from assetbank.media import images
from assetbank.models import Asset
from search.encoders import EncoderError, EncoderUnavailable, QueryPart, TextEncoder
from search.errors import InvalidQuery, SearchUnavailable
from search.indexing import space_encoders, spaces
from search.models import Embedding, QueryImage, Vector, VectorSpace
from search.query.prepared import PreparedQuery, id_any
from search.query.types import ImageTerm, SearchQuery

EXCLUDED_WEIGHT = -0.5  # weight of a word after a minus: away from it, but not out of the subject
MAX_EXCLUDED = 10  # that pictures are kept away from; in words, all of them count
QUERY_IMAGE_SIDE = 512  # pixels of the copy that is kept of a shown picture


def query_parts(question: SearchQuery, space: VectorSpace) -> list[QueryPart]:
    """All that has a meaning in `question`. Raises InvalidQuestion and SearchUnavailable."""
    found = []
    if question.terms.description:
        vector = text_vector(space, question.terms.description)
        found.append(QueryPart(vector, weight=question.text_weight))
    found += [
        QueryPart(vector, picture=True, weight=shown.weight)
        for shown, vector in zip(question.shown, _shown_vectors(question.shown, space), strict=True)
    ]
    if found:
        unwanted = question.terms.exclude[:MAX_EXCLUDED]
        found += [QueryPart(text_vector(space, text), weight=EXCLUDED_WEIGHT) for text in unwanted]
    return found


# ------------------------------------------------------------------------ text


def text_vector(space: VectorSpace, text: str) -> Vector:
    """[dimension] float32, of unit length. Raises SearchUnavailable."""
    try:
        return _text_vector(space.source, str(space.fingerprint), " ".join(text.split()))
    except EncoderError as error:
        raise SearchUnavailable(f"Search is unavailable: {error} Browsing still works.") from error


@lru_cache(maxsize=4096)
def _text_vector(source: str, fingerprint: str, text: str) -> Vector:
    vector: Vector = text_encoder(source, fingerprint).encode([text])[0]
    return vector


@lru_cache(maxsize=2)
def text_encoder(source: str, fingerprint: str) -> TextEncoder:
    """Two, while one takes over from the other. Raises EncoderUnavailable: also when the folder
    holds other weights by now than those of the pictures' vectors."""
    found = TextEncoder(source, threads=settings.TORCH_THREADS)
    if found.fingerprint != fingerprint:
        raise EncoderUnavailable(
            f"{source} no longer contains the encoder with which the index was built."
        )
    return found


def preload_text_encoder() -> None:
    """Load the text half before somebody asks. At the first start of all, the index worker is
    still choosing an encoder: wait for it a while."""
    for _ in range(60):
        try:
            text_vector(spaces.active_space(), "warm up")
        except SearchUnavailable:
            time.sleep(1)
        else:
            break
    connection.close()  # this thread's own
    # What is loaded by now stays: full collections need not walk torch's objects (0.1 s each)
    gc.collect()
    gc.freeze()


# ------------------------------------------------------------------------ pictures


def _shown_vectors(shown: tuple[ImageTerm, ...], space: VectorSpace) -> list[Vector]:
    assets = [each.asset for each in shown if each.asset is not None]
    pictured = [each.picture for each in shown if each.picture is not None]
    rows = _kept_vectors().rows(spaces=[space.pk], assets=assets) if assets else []
    of_assets = {row.asset_id: row.vector for row in rows}
    of_pictures = QueryImage.objects.in_bulk(pictured) if pictured else {}
    vectors = []
    for each in shown:
        if each.picture is not None:
            if each.picture not in of_pictures:
                raise InvalidQuery("This search image has expired. Upload it again.")
            vectors.append(_picture_vector(of_pictures[each.picture], space))
        else:
            pk = each.asset or 0
            vector = of_assets.get(pk)
            if vector is None:
                title = Asset.objects.filter(pk=pk).values_list("title", flat=True).first()
                raise SearchUnavailable(f"“{title}” is not indexed yet. Retry in a moment.")
            vectors.append(vector)
    return vectors


@cache
def _kept_vectors() -> PreparedQuery[Embedding]:
    kept = Embedding.objects.only("asset", "vector_bytes")
    return PreparedQuery(kept.filter(id_any("space_id", "spaces"), id_any("asset_id", "assets")))


def _picture_vector(picture: QueryImage, space: VectorSpace) -> Vector:
    """Of another encoder than the one in use: from the copy that is kept."""
    if picture.fingerprint != space.fingerprint:
        with Image.open(io.BytesIO(bytes(picture.thumbnail)), formats=["WEBP"]) as image:
            picture.vector_bytes = _encode(image.convert("RGB"), space).tobytes()
        picture.fingerprint = str(space.fingerprint)
        picture.save(update_fields=["vector_bytes", "fingerprint"])
    return picture.vector


def _encode(rgb: Image.Image, space: VectorSpace) -> Vector:
    try:
        vector: Vector = space_encoders.image_encoder(space.source).encode([rgb])[0]
    except EncoderError as error:
        raise SearchUnavailable(f"Search is unavailable: {error} Browsing still works.") from error
    return vector


def save_query_image(*, person: User, data: bytes) -> QueryImage:
    """A picture to search with. Raises PictureRefused and SearchUnavailable."""
    if len(data) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES / 2**20
        raise PictureTooLarge(f"This file is larger than the maximum of {limit:.0f} MB.")
    space = spaces.active_space()
    rgb = images.load_rgb(io.BytesIO(data), side=QUERY_IMAGE_SIDE)
    return _save_query_image(person, rgb, space)


def save_query_crop(
    *, person: User, asset: Asset, box: tuple[float, float, float, float]
) -> QueryImage:
    """A part of an asset to search with; `box` is left, top, right, bottom as shares of the
    picture, 0 to 1. Raises PictureRefused, FileMissing and SearchUnavailable."""
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise PictureRefused("Draw a box inside the image.")
    space = spaces.active_space()
    rgb = images.load_rgb(io.BytesIO(read_original(asset)), side=1600)
    corners = (left * rgb.width, top * rgb.height, right * rgb.width, bottom * rgb.height)
    part = rgb.crop(tuple(round(corner) for corner in corners))  # type: ignore[arg-type]
    if min(part.size) < 8:
        raise PictureRefused("This region is too small to search by. Draw a larger box.")
    return _save_query_image(person, part, space, asset)


def _save_query_image(
    person: User, rgb: Image.Image, space: VectorSpace, asset: Asset | None = None
) -> QueryImage:
    vector = _encode(rgb, space)
    rgb = rgb.copy()
    rgb.thumbnail((QUERY_IMAGE_SIDE, QUERY_IMAGE_SIDE))
    copy = io.BytesIO()
    rgb.save(copy, "WEBP", quality=85, method=2)  # as small as the default, in half the time
    return QueryImage.objects.create(
        person=person,
        asset=asset,
        fingerprint=str(space.fingerprint),
        vector_bytes=np.ascontiguousarray(vector, dtype="<f4").tobytes(),
        thumbnail=copy.getvalue(),
    )
