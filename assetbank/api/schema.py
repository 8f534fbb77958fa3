"""How the API describes itself: a tag for each kind of thing, and problems as an answer of all."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class ProblemSerializer(serializers.Serializer[Any]):
    """Everything that goes wrong is told like this."""

    code = serializers.CharField(help_text="A stable word for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field of that name
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Sentences by field, when `code` is `invalid`.",
    )


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="Any text of your own, new for each request: asking again with the same one, "
    "because the answer did not arrive, gives the same answer and does nothing twice.",
)


class Schema(AutoSchema):
    def get_override_parameters(self) -> list[Any]:
        declared: list[Any] = super().get_override_parameters()
        posts = self.method == "POST" and self.path.startswith("/api/v1/")
        return [*declared, IDEMPOTENCY_KEY] if posts else declared

    def _tokenize_path(self) -> list[str]:
        tokens: list[str] = super()._tokenize_path()
        return tokens[1:] if tokens[0] == "v1" else tokens

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        thing = self._tokenize_path()[0].removesuffix("s")
        resolved = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        return [{"description": f"Of the {thing}.", **parameter} for parameter in resolved]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response" and self.path.startswith("/api/v1/"):
            told = self._get_response_for_code(ProblemSerializer, "default")  # type: ignore[no-untyped-call]
            bodies["default"] = {**told, "description": "A problem"}
        return bodies
