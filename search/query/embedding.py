"""Vectors of a search query: its text, encoded by CLIP; its assets, from their stored vectors;
and its query images, encoded when they are uploaded."""

from __future__ import annotations

import datetime
import gc
import io
import time
from functools import cache, lru_cache

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from PIL import Image

from assetbank.assets import read_original
from assetbank.errors import PictureRefused, PictureTooLarge
from assetbank.media import decoder
from assetbank.models import Asset
from search.encoders import EncoderError, EncoderUnavailable, QueryPart, TextEncoder
from search.errors import InvalidQuery, SearchUnavailable
from search.indexing import space_encoders, spaces
from search.models import Embedding, QueryImage, Vector, VectorSpace
from search.query.prepared import PreparedQuery, is_in_param
from search.query.types import ImageTerm, SearchQuery

# Weight of an excluded term: results move away from it, but stay on the subject
EXCLUDED_WEIGHT = -0.5
# Maximum excluded terms that count in vectors; the text match excludes all of them
MAX_EXCLUDED = 10
QUERY_IMAGE_SIDE = 512  # Longer side, in pixels, of the stored copy of a query image


def query_parts(question: SearchQuery, space: VectorSpace) -> list[QueryPart]:
    """Return the vectors and weights of the text, the images and the excluded terms of a query;
    [] if it has neither text nor images. Raises InvalidQuery and SearchUnavailable."""
    parts = []
    if question.terms.description:
        vector = text_vector(space, question.terms.description)
        parts.append(QueryPart(vector, weight=question.text_weight))
    parts += [
        QueryPart(vector, picture=True, weight=shown.weight)
        for shown, vector in zip(question.shown, _image_vectors(question.shown, space), strict=True)
    ]
    if parts:
        excluded = question.terms.exclude[:MAX_EXCLUDED]
        parts += [QueryPart(text_vector(space, text), weight=EXCLUDED_WEIGHT) for text in excluded]
    return parts


# ------------------------------------------------------------------------ text


def text_vector(space: VectorSpace, text: str) -> Vector:
    """Return a text's vector: [dimension] float32, of unit length. Raises SearchUnavailable."""
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
    """Return the loaded text half of an encoder. Two are cached, for the time when one space
    replaces the other. Raises EncoderUnavailable, also if the folder now has other weights than
    those that computed the images' vectors."""
    encoder = TextEncoder(source, threads=settings.TORCH_THREADS)
    if encoder.fingerprint != fingerprint:
        raise EncoderUnavailable(
            f"{source} no longer contains the encoder with which the index was built."
        )
    return encoder


def preload_text_encoder() -> None:
    """Load the text half before the first search. At the very first start, the index worker is
    still choosing an encoder: retry once per second, for one minute at most."""
    for _ in range(60):
        try:
            text_vector(spaces.active_space(), "warm up")
        except SearchUnavailable:
            time.sleep(1)
        else:
            break
    connection.close()  # This thread's own
    # Loaded objects are permanent: full collections need not visit torch's objects (0.1 s each)
    gc.collect()
    gc.freeze()


# ------------------------------------------------------------------------ pictures


def _image_vectors(shown: tuple[ImageTerm, ...], space: VectorSpace) -> list[Vector]:
    """Return the vector of each image of a query, in their order."""
    assets = [each.asset for each in shown if each.asset is not None]
    image_ids = [each.picture for each in shown if each.picture is not None]
    rows = _stored_vectors().rows(spaces=[space.pk], assets=assets) if assets else []
    asset_vectors = {row.asset_id: row.vector for row in rows}
    query_images = QueryImage.objects.in_bulk(image_ids) if image_ids else {}
    vectors = []
    for each in shown:
        if each.picture is not None:
            if each.picture not in query_images:
                raise InvalidQuery("This search image has expired. Upload it again.")
            vectors.append(_picture_vector(query_images[each.picture], space))
        else:
            pk = each.asset or 0
            vector = asset_vectors.get(pk)
            if vector is None:
                title = Asset.objects.filter(pk=pk).values_list("title", flat=True).first()
                raise SearchUnavailable(f"“{title}” is not indexed yet. Retry in a moment.")
            vectors.append(vector)
    return vectors


@cache
def _stored_vectors() -> PreparedQuery[Embedding]:
    rows = Embedding.objects.only("asset", "vector_bytes")
    return PreparedQuery(
        rows.filter(is_in_param("space_id", "spaces"), is_in_param("asset_id", "assets"))
    )


def _picture_vector(picture: QueryImage, space: VectorSpace) -> Vector:
    """Return the vector of a query image; compute it again from the stored copy if another encoder
    made it."""
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
    """Save an uploaded image to search by. Raises PictureRefused, PictureTooLarge and
    SearchUnavailable."""
    if len(data) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES / 2**20
        raise PictureTooLarge(f"This file is larger than the maximum of {limit:.0f} MB.")
    space = spaces.active_space()
    rgb = decoder.load_rgb(io.BytesIO(data), side=QUERY_IMAGE_SIDE)
    return _save_query_image(person, rgb, space)


def save_query_crop(
    *, person: User, asset: Asset, box: tuple[float, float, float, float]
) -> QueryImage:
    """Save a region of an asset to search by. `box` is left, top, right and bottom as fractions of
    the image, 0 to 1. Raises PictureRefused, FileMissing and SearchUnavailable."""
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise PictureRefused("Draw a box inside the image.")
    space = spaces.active_space()
    rgb = decoder.load_rgb(io.BytesIO(read_original(asset)), side=1600)
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
    rgb.save(copy, "WEBP", quality=85, method=2)  # As small as the default method, in half the time
    return QueryImage.objects.create(
        person=person,
        asset=asset,
        fingerprint=str(space.fingerprint),
        vector_bytes=np.ascontiguousarray(vector, dtype="<f4").tobytes(),
        thumbnail=copy.getvalue(),
    )


def delete_old_query_images() -> None:
    """Delete query images older than a day that belong to no saved search or golden query."""
    yesterday = timezone.now() - datetime.timedelta(days=1)
    QueryImage.objects.filter(brand=None, created_at__lt=yesterday).delete()
