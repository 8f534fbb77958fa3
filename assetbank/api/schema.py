"""OpenAPI schema: tags by resource, and the problem document as a response of every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class ProblemSerializer(serializers.Serializer[Any]):
    """Describe an error; all error responses have this form."""

    code = serializers.CharField(help_text="Stable machine-readable code.")
    detail = serializers.CharField(help_text="Human-readable sentence.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field of that name
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Error sentences by field, if `code` is `invalid`.",
    )


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="A unique key of your choice for each request. Retrying with the same key "
    "returns the first response and performs the request only once.",
)


UPLOADS = {  # status -> why a file was refused
    "400": "Invalid request, or a damaged image (code picture_damaged)",
    "413": "Larger than the maximum, in bytes or pixels (code picture_too_large)",
    "415": "No image, or one of an unsupported kind (code picture_unsupported)",
}
SINGULARS = {
    "batches": "batch",
    "golden-questions": "relevance test query",
    "saved-searches": "saved search",
}


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
        path = self._tokenize_path()[0]
        resource = SINGULARS.get(path, path.removesuffix("s"))
        resolved = super()._resolve_path_parameters(variables)  # type: ignore[no-untyped-call]
        return [{"description": f"ID of the {resource}.", **parameter} for parameter in resolved]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response" and self.path.startswith("/api/v1/"):
            response = self._get_response_for_code(ProblemSerializer, "default")  # type: ignore[no-untyped-call]
            bodies["default"] = {**response, "description": "Error"}
            if self.method == "POST" and "multipart/form-data" in self.map_parsers():
                bodies |= {
                    code: {**response, "description": text} for code, text in UPLOADS.items()
                }
        return bodies
