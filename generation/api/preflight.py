"""REST API of what is looked up before a request: suggested references, existing results."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.parsers import PARSERS
from assetbank.models import Asset
from generation.api.request_params import (
    RequestSerializer,
    WantedSerializer,
    read_request,
    read_spec,
)
from generation.composer import reuse, suggestions
from generation.errors import InvalidRequest
from generation.pipeline import MAX_PROMPT_LENGTH


class PictureSerializer(serializers.Serializer[Asset]):
    asset = serializers.IntegerField(source="pk")
    title = serializers.CharField()
    thumbnail = serializers.SerializerMethodField(
        help_text="URL of a WebP rendition, maximum 480 pixels per side."
    )
    width = serializers.IntegerField()
    height = serializers.IntegerField()

    def get_thumbnail(self, asset: Asset) -> str:
        address: str = self.context["request"].build_absolute_uri(asset.grid_url)
        return address


class SuggestionSerializer(PictureSerializer):
    anchor = serializers.BooleanField(help_text="Whether it is one of the brand reference images.")


class SuggestionsSerializer(serializers.Serializer[Any]):
    results = SuggestionSerializer(many=True)
    note = serializers.CharField(help_text="Reason why there are fewer suggestions, or empty.")
    next = serializers.CharField(allow_null=True, help_text="Always null.")


class AboutSerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_PROMPT_LENGTH,
        help_text="The prompt typed so far.",
    )
    brand = BrandField(help_text="Brand slug.")
    taken = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        default=list,
        help_text="IDs of assets that are already references; repeatable.",
    )


class SuggestionsView(APIView):
    @extend_schema(
        operation_id="suggestions_list",
        summary="Suggest references for a prompt",
        description="Brand reference images first, then varied assets that match the prompt.",
        parameters=[AboutSerializer],
        responses=SuggestionsSerializer,
    )
    def get(self, request: Request) -> Response:
        about = AboutSerializer(data=request.query_params, context={"request": request})
        about.is_valid(raise_exception=True)
        found = suggestions.suggest_references(person=user_of(request), **about.validated_data)
        context = {"request": request}
        rows = [
            {**PictureSerializer(each.asset, context=context).data, "anchor": each.anchor}
            for each in found.offered
        ]
        return Response({"results": rows, "note": found.note, "next": None})


class BeforeSerializer(serializers.Serializer[reuse.PastResult]):
    generation = serializers.IntegerField(source="generation.pk")
    model = serializers.CharField(source="generation.model")
    image_size = serializers.CharField(source="generation.image_size")
    created_at = serializers.DateTimeField(source="generation.created_at")
    created_by = serializers.CharField(
        source="generation.created_by.username", default=None, allow_null=True
    )
    pictures = PictureSerializer(source="assets", many=True)


class AlreadySerializer(serializers.Serializer[reuse.Existing]):
    same = BeforeSerializer(many=True, help_text="Results of identical requests.")
    near = PictureSerializer(
        many=True, help_text="Similar assets from the library and earlier generations."
    )
    waiting = serializers.IntegerField(
        source="waiting.pk",
        default=None,
        allow_null=True,
        help_text="ID of a running generation of an identical request.",
    )


class TakeSerializer(RequestSerializer):
    asset = serializers.IntegerField(min_value=1, help_text="ID of the asset that is used instead.")


class TakenSerializer(serializers.Serializer[Any]):
    asset = serializers.IntegerField()
    avoided_usd = serializers.CharField(help_text="Estimated cost of the request.")


class AlreadyView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="already_retrieve",
        summary="Check for existing images",
        description="Takes the parameters of POST /generations/. Repeat references, as `12` "
        "or `12:product`; write variables as `variables.name`.",
        parameters=[WantedSerializer],
        responses=AlreadySerializer,
    )
    def get(self, request: Request) -> Response:
        fields = read_spec(request, request.query_params)
        found = reuse.find_existing(person=user_of(request), spec=_spec(fields))
        return Response(AlreadySerializer(found, context={"request": request}).data)

    @extend_schema(
        operation_id="already_take",
        summary="Reuse an existing asset",
        description="The estimated cost of generating it is recorded as avoided, once.",
        request=TakeSerializer,
        responses={201: TakenSerializer},
    )
    def post(self, request: Request) -> Response:
        given = TakeSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        person, fields = user_of(request), read_request(request, request.data)
        asset = permissions.assets(person).filter(pk=given.validated_data["asset"]).first()
        if asset is None:
            raise InvalidRequest("This asset does not exist.", code="unknown_asset")
        entry = reuse.reuse_asset(
            person=person,
            spec=_spec(fields),
            asset=asset,
            model=fields["model"],
            image_size=fields["image_size"],
            count=fields["count"],
        )
        return Response({"asset": asset.pk, "avoided_usd": str(entry.usd)}, status=201)


def _spec(fields: dict[str, Any]) -> reuse.RequestSpec:
    names = reuse.RequestSpec.__dataclass_fields__
    return reuse.RequestSpec(**{name: value for name, value in fields.items() if name in names})
