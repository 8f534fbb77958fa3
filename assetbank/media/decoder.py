"""Decode pictures in the pool of this process: the functions of `images`, for foreign bytes."""

from __future__ import annotations

import atexit
import os
import re
import threading
from typing import IO

from django.conf import settings
from PIL import Image

from assetbank.errors import PictureRefused
from assetbank.media import images
from assetbank.media.content_credentials import Manifest
from assetbank.media.decoding import JOBS, Limits, Pixels, Pool, Sandbox
from assetbank.media.formats import FORMATS
from assetbank.media.images import ImageFacts
from assetbank.media.metadata import FileMetadata

MODULE = "assetbank.media.decoding"
COLOUR = re.compile(r"#[0-9a-f]{6}")
MAX_COLOURS = 64
_lock = threading.Lock()
_pool: Pool | None = None


def pool() -> Pool:
    """Return this process's pool; a new one if settings have changed, as they do in tests."""
    global _pool
    limits = Limits(settings.DECODE_PROCESSES, settings.DECODE_SECONDS, settings.MAX_PIXELS)
    with _lock:
        if _pool and _pool.limits == limits:
            return _pool
        outdated, _pool = _pool, Pool(MODULE, JOBS, limits)
        current = _pool
    if outdated:
        outdated.close()
    return current


def close_pool() -> None:
    """End this process's decoders; the next file starts others."""
    global _pool
    with _lock:
        closing, _pool = _pool, None
    if closing:
        closing.close()


def _after_fork() -> None:
    global _lock, _pool
    _lock = threading.Lock()
    if _pool:
        _pool.forget()
    _pool = None


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_pool)


def examine(data: bytes) -> ImageFacts:
    """Recognise a file, decode it, and render its renditions: see `images.examine`.

    Raises PictureRefused, PictureTooLarge and DecoderUnavailable, as all functions here.
    """
    facts: ImageFacts = pool().run("examine", data)
    known = (facts.mime, facts.extension) in FORMATS.values()
    sized = 0 < facts.width * facts.height <= settings.MAX_PIXELS and facts.width > 0
    if not (known and sized and facts.renditions.keys() == images.RENDITIONS.keys()):
        raise _implausible()
    _check_colours(facts.colours)
    return facts


def extract_features(data: bytes) -> tuple[tuple[str, ...], int]:
    """Return dominant colours and perceptual hash: see `images.extract_features`."""
    features: tuple[tuple[str, ...], int] = pool().run("extract_features", data)
    _check_colours(features[0])
    return features


def load_rgb(file: IO[bytes], *, side: int) -> Image.Image:
    """Return an image as RGB, upright, flattened; its sides keep `side` pixels if they have them.

    It is reduced as far as that allows, whatever its format.
    """
    file.seek(0)
    pixels: Pixels = pool().run("load_pixels", file.read(), side=side)
    if not (pixels.width > 0 and pixels.width * pixels.height * 3 == len(pixels.rgb)):
        raise _implausible()
    return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb)


def render(data: bytes, *, fmt: str, side: int) -> bytes:
    """Return the image as a file of another format or size: see `images.render`."""
    rendered: bytes = pool().run("render", data, fmt=fmt, side=side)
    return rendered


def as_reference(data: bytes, *, side: int) -> tuple[bytes, str]:
    """Return a file for a model that takes JPEG, PNG and WebP, and its MIME type: see `images`."""
    reference: tuple[bytes, str] = pool().run("as_reference", data, side=side)
    if reference[1] not in {"image/jpeg", "image/png", "image/webp"}:
        raise _implausible()
    return reference


def read_metadata(data: bytes) -> FileMetadata:
    """Return what a file says of itself: see `metadata.read_metadata`."""
    metadata: FileMetadata = pool().run("read_metadata", data)
    return metadata


def read_manifest(data: bytes, mime: str) -> Manifest:
    """Return the Content Credentials of a file as JSON: see `content_credentials`."""
    manifest: Manifest = pool().run("read_manifest", data, mime=mime)
    return manifest


def check_sandbox() -> Sandbox:
    """Return what holds the decoders of this process; start one if there is none."""
    return pool().check()


def _check_colours(colours: tuple[str, ...]) -> None:
    if len(colours) > MAX_COLOURS or not all(map(COLOUR.fullmatch, colours)):
        raise _implausible()


def _implausible() -> PictureRefused:
    """Return the refusal for a result that no decoder returns unless it was taken over."""
    return PictureRefused("This image could not be decoded: its decoder failed.")
