"""Parsers that limit the body: DRF's own read JSON and forms of any size into memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import parsers
from rest_framework.exceptions import ParseError

Context = Mapping[str, Any] | None


def _check_length(context: Context) -> None:
    """Raise RequestDataTooBig if the body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE."""
    length = context["request"].META.get("CONTENT_LENGTH") if context else None
    if int(length or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise RequestDataTooBig


class JSONParser(parsers.JSONParser):
    """JSON of limited size and depth, whose text can be encoded as UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Any:
        _check_length(parser_context)
        try:
            parsed = super().parse(stream, media_type, parser_context)
            json.dumps(parsed, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("This JSON is nested too deeply.") from error
        except (
            UnicodeEncodeError
        ) as error:  # JSON can contain lone surrogates; databases and responses cannot
            raise ParseError("This JSON holds half of a surrogate pair.") from error
        return parsed


class FormParser(parsers.FormParser):
    """A form of limited size."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Any:
        _check_length(parser_context)
        return super().parse(stream, media_type, parser_context)


# Django itself limits the fields of a multipart body, and spools its files to disk
PARSERS: list[type[parsers.BaseParser]] = [JSONParser, parsers.MultiPartParser, FormParser]
