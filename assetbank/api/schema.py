"""OpenAPI schema: tags by resource, and the problem document as a response of every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class ProblemSerializer(serializers.Serializer[Any]):
    """Shape of every error response."""

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
    """Adds the Idempotency-Key header, descriptions of path parameters, and error responses."""

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = super().get_override_parameters()
        is_post = self.method == "POST" and self.path.startswith("/api/v1/")
        return [*parameters, IDEMPOTENCY_KEY] if is_post else parameters

    def _tokenize_path(self) -> list[str]:
        tokens: list[str] = super()._tokenize_path()
        return tokens[1:] if tokens[0] == "v1" else tokens

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        resource = self._tokenize_path()[0].removesuffix("s")
        resolved = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        return [{"description": f"Of the {resource}.", **parameter} for parameter in resolved]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response" and self.path.startswith("/api/v1/"):
            response = self._get_response_for_code(ProblemSerializer, "default")  # type: ignore[no-untyped-call]
            bodies["default"] = {**response, "description": "A problem"}
        return bodies
