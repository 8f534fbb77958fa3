"""A web application that decodes what is posted to it, once also before gunicorn forks."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import django
from PIL import Image

django.setup()

from assetbank.errors import ProblemError  # noqa: E402
from assetbank.media import decoder  # noqa: E402

buffer = io.BytesIO()
Image.new("RGB", (80, 60)).save(buffer, "PNG")
decoder.examine(buffer.getvalue())


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    try:
        answer = str(decoder.examine(data).width)
    except ProblemError as error:
        answer = error.message
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
