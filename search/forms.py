"""A question as it stands in an address: the same parameters for pages and API."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator

from assetbank import access
from assetbank.models import Asset, Brand, Collection
from search.models import PictureQuestion
from search.questions import Filters, Question

MOST_TAGS = 20
LAST_DAY = datetime.date(9998, 12, 31)  # the day after it still exists
RATIOS = ["1:1", "4:5", "3:4", "2:3", "9:16", "5:4", "4:3", "3:2", "16:9", "21:9"]


class TagsField(forms.CharField):
    """Comma-separated."""

    def clean(self, value: Any) -> tuple[str, ...]:
        text = super().clean(value)
        tags = tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))
        if len(tags) > MOST_TAGS:  # each is a join of its own
            raise ValidationError(f"Ask for at most {MOST_TAGS} tags.", code="invalid")
        return tags


class RatioField(forms.CharField):
    """`4:5`, or width divided by height as a number; None when empty."""

    def clean(self, value: Any) -> float | None:
        text = super().clean(value).strip()
        if not text:
            return None
        match = re.fullmatch(r"(\d{1,5}(?:\.\d{1,6})?)(?::(\d{1,5}(?:\.\d{1,6})?))?", text)
        width, height = (float(match[1]), float(match[2] or 1)) if match else (0.0, 0.0)
        if not width or not height:
            raise ValidationError("An aspect ratio is written like 4:5.", code="invalid")
        return width / height


class QuestionForm(forms.Form):
    """`QuestionForm(request.GET, person=request.user)`; `question()` once it is valid.

    What a person may not see does not exist here: such a brand, collection, asset or picture is
    an invalid choice.
    """

    q = forms.CharField(required=False, max_length=1_000, strip=True)
    picture = forms.ModelChoiceField(PictureQuestion.objects.none(), required=False)
    like = forms.ModelChoiceField(Asset.objects.none(), required=False)
    brand = forms.ModelMultipleChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug"
    )
    kind = forms.MultipleChoiceField(choices=Asset.Kind.choices, required=False)
    origin = forms.MultipleChoiceField(choices=Asset.Origin.choices, required=False)
    status = forms.MultipleChoiceField(choices=Asset.Status.choices, required=False)
    tags = TagsField(required=False, max_length=500, help_text="Comma-separated; all must be there")
    orientation = forms.ChoiceField(
        choices=[("", "Any"), *Asset.Orientation.choices], required=False
    )
    aspect_ratio = RatioField(required=False, max_length=20)
    min_width = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    min_height = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    created_after = forms.DateField(required=False)
    created_before = forms.DateField(required=False, validators=[MaxValueValidator(LAST_DAY)])
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)

    def __init__(self, *args: Any, person: access.Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, queryset in (
            ("brand", access.brands(person)),
            ("collection", access.collections(person)),
            ("like", access.assets(person)),
            ("picture", PictureQuestion.objects.filter(person_id=person.pk)),
        ):
            self.fields[name].queryset = queryset  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if sum(bool(data.get(name)) for name in ("q", "picture", "like")) > 1:
            raise ValidationError("Ask with words, or with a picture, or with an asset.")
        return data

    def question(self) -> Question:
        data = self.cleaned_data
        return Question(
            text=data["q"],
            picture=data["picture"],
            like=data["like"],
            filters=Filters(
                brands=tuple(brand.pk for brand in data["brand"]),
                kinds=tuple(data["kind"]),
                origins=tuple(data["origin"]),
                statuses=tuple(data["status"]),
                tags=data["tags"],
                orientation=data["orientation"],
                aspect_ratio=data["aspect_ratio"],
                min_width=data["min_width"],
                min_height=data["min_height"],
                created_after=data["created_after"],
                created_before=data["created_before"],
                collection=data["collection"].pk if data["collection"] else None,
            ),
        )
