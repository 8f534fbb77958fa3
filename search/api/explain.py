"""REST API of search diagnostics."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.http import problems
from assetbank.models import Asset
from search.api.query_params import QUESTION
from search.explain import Explanation, Repair, State, explanation, resolve_subject, types
from search.query import SearchForm

PERSON = OpenApiParameter(
    "person",
    OpenApiTypes.STR,
    description="Username for whom access is checked; default: yourself. Managers can check "
    "members of the brand, staff any user.",
)


STATES = ", ".join(State)


class DetailSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    text = serializers.CharField()
    state = serializers.CharField(allow_null=True, help_text="Null: information only.")


class StepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text=", ".join(types.TITLES))
    title = serializers.CharField()
    state = serializers.CharField(
        help_text=f"{STATES}. A note does not prevent the asset from being found."
    )
    sentence = serializers.CharField()
    details = DetailSerializer(many=True)
    repairs = serializers.ListField(
        child=serializers.ChoiceField(Repair.values), help_text="Value for `repair` in POST."
    )


class LedgerSerializer(serializers.Serializer[Any]):
    asset = serializers.IntegerField()
    found = serializers.BooleanField(
        help_text="Whether the search, or without one any search, can find the asset."
    )
    state = serializers.CharField(help_text="The worst state of all steps: bad, waiting or good.")
    sentence = serializers.CharField()
    steps = StepSerializer(many=True)


class RepairSerializer(serializers.Serializer[Any]):
    repair = serializers.ChoiceField(Repair.choices)


class WhyView(APIView):
    """Explanation of why an asset is found or not."""

    @extend_schema(
        operation_id="why",
        summary="Get the search diagnostics of an asset",
        description="With search parameters: whether the asset passes each filter, which "
        "words occur, how well it matches and its rank.",
        parameters=[*QUESTION, PERSON],
        responses=LedgerSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        asker = user_of(request)
        asset = _asset(asker, pk)
        person = resolve_subject(asker, asset.brand, request.query_params.get("person", ""))
        form = SearchForm(request.query_params, person=asker)
        if not form.is_valid():
            errors = {
                name: [str(message) for message in list_] for name, list_ in form.errors.items()
            }
            if NON_FIELD_ERRORS in errors:
                errors[problems.GENERAL] = errors.pop(NON_FIELD_ERRORS)
            raise ValidationError(errors)
        explained = explanation.explain(asset, person=person, question=form.question(), asker=asker)
        return Response(_as_json(explained))

    @extend_schema(
        operation_id="repair",
        summary="Repair a step of the search diagnostics",
        description="Requires the creator role. Index repairs run in the background shortly after.",
        request=RepairSerializer,
        responses={202: LedgerSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        person = user_of(request)
        asset = _asset(person, pk)
        serializer = RepairSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        explanation.repair(asset, Repair(serializer.validated_data["repair"]), person)
        return Response(_as_json(explanation.explain(asset, person=person)), status=202)


def _asset(person: User, pk: int) -> Asset:
    seen = permissions.assets(person).with_tags().select_related("brand", "created_by")
    return get_object_or_404(seen, pk=pk)


def _as_json(explained: Explanation) -> dict[str, Any]:
    return {
        "asset": explained.asset.pk,
        "found": explained.found,
        "state": explained.state.value,
        "sentence": explained.sentence,
        "steps": [
            {
                "name": step.name,
                "title": step.title,
                "state": step.state.value,
                "sentence": step.sentence,
                "details": [
                    {"label": each.label, "text": each.text, "state": each.state}
                    for each in step.details
                ],
                "repairs": [repair.value for repair in step.repairs],
            }
            for step in explained.steps
        ],
    }
