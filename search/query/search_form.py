"""Search queries in URLs: a form for the parameters that the pages and the API share."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from assetbank import permissions
from assetbank.models import Asset, Brand, Collection, Membership, hex_colour
from search.errors import InvalidQuery
from search.models import QueryImage
from search.query.filters import custom_fields
from search.query.types import (
    PARAMETERS,
    FieldFilter,
    Filters,
    ImageTerm,
    SearchQuery,
    Sort,
)

MAX_TAGS = 20
MAX_IMAGES = 10  # Maximum images in one query
MAX_WEIGHT = 5.0
LAST_DAY = datetime.date(9998, 12, 31)  # Maximum date: the day after it is still a valid date
ASPECT_RATIOS = ["1:1", "4:5", "3:4", "2:3", "9:16", "5:4", "4:3", "3:2", "16:9", "21:9"]


class TagsField(forms.CharField):
    """Comma-separated tags; cleaned to a tuple without duplicates."""

    def clean(self, value: Any) -> tuple[str, ...]:
        text = super().clean(value)
        tags = tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))
        if len(tags) > MAX_TAGS:  # Each tag is a join of its own
            raise ValidationError(f"Use at most {MAX_TAGS} tags.", code="invalid")
        return tags


class RatioField(forms.CharField):
    """Aspect ratio: `4:5`, or width divided by height as a number; None when empty."""

    def clean(self, value: Any) -> float | None:
        text = super().clean(value).strip()
        if not text:
            return None
        match = re.fullmatch(r"(\d{1,5}(?:\.\d{1,20})?)(?::(\d{1,5}(?:\.\d{1,20})?))?", text)
        width, height = (float(match[1]), float(match[2] or 1)) if match else (0.0, 0.0)
        if not width or not height:
            raise ValidationError("Write the aspect ratio like 4:5.", code="invalid")
        return width / height


class WeightField(forms.FloatField):
    """Weight of a text or an image, not 0; 1 when empty."""

    def __init__(self, **kwargs: Any) -> None:
        limits = {"min_value": -MAX_WEIGHT, "max_value": MAX_WEIGHT}
        super().__init__(required=False, **limits | kwargs)

    def clean(self, value: Any) -> float:
        weight = super().clean(value)
        if weight == 0:
            raise ValidationError(
                "A weight of 0 has no effect. Use another weight.", code="invalid"
            )
        return 1.0 if weight is None else weight


def _as_list(value: Any) -> list[Any]:
    """Return a parameter's values as a list, also if the form is filled from a plain dictionary."""
    return [value] if isinstance(value, str) else list(value or [])


class ValuesField(forms.Field):
    """Free texts, for names of models and presets: they may no longer exist in the library."""

    widget = forms.SelectMultiple

    def __init__(self, *, max_length: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def clean(self, value: Any) -> list[str]:
        texts = [str(text) for text in _as_list(value) if text]
        longest = max(map(len, texts), default=0)
        if len(texts) > MAX_TAGS or longest > self.max_length or any("\0" in t for t in texts):
            raise ValidationError(
                f"At most {MAX_TAGS} values of {self.max_length} characters.", code="invalid"
            )
        return texts


class YearsField(ValuesField):
    """Years with four digits, 1800 to 2199."""

    def clean(self, value: Any) -> list[str]:
        years = super().clean(value)
        if not all(re.fullmatch("(?:1[89]|2[01])[0-9]{2}", year) for year in years):
            raise ValidationError("Write the year like 2019.", code="invalid")
        return years


class CustomFiltersWidget(forms.MultipleHiddenInput):
    """Collects the parameters `field.NAME`, `field.NAME.min` and the like, with their values."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, list[str]]:
        prefix = custom_fields.PREFIX
        return {key: _as_list(data.getlist(key)) for key in data if key.startswith(prefix)}


class ShownField(forms.Field):
    """Images to search by, each `KEY` or `KEY*WEIGHT`; cleaned to [(row, weight), …]."""

    widget = forms.MultipleHiddenInput
    queryset: QuerySet[Any]

    def clean(self, value: Any) -> list[tuple[Any, float]]:
        texts = [text for text in _as_list(value) if text]
        if len(texts) > MAX_IMAGES:
            raise ValidationError(f"Search by at most {MAX_IMAGES} images.", code="invalid")
        found = []
        for text in texts:
            key, _, weight = text.partition("*")
            found.append((self._row(key), WeightField().clean(weight)))
        return found

    def _row(self, key: str) -> Any:
        try:
            row = self.queryset.filter(pk=key).first()
        except (ValueError, ValidationError, OverflowError):
            row = None
        if row is None:
            raise ValidationError(
                "This image does not exist or is no longer available. Remove it from the search.",
                code="invalid_choice",
            )
        return row


def images_of(person: permissions.AnyUser) -> QuerySet[QueryImage]:
    """Return the query images that a user may see: their own, and those in saved searches of their
    brands. An image in a saved search belongs to the brand: its uploader loses it with the
    membership."""
    own = Q(person_id=person.pk, person__isnull=False, brand=None)
    return QueryImage.objects.filter(own | Q(brand__in=permissions.brands(person)))


def people(person: permissions.AnyUser) -> QuerySet[User]:
    """Return the members of a user's brands, and all users who added an asset that they may see."""
    if permissions.has_full_access(person):
        return User.objects.all()
    members = Membership.objects.filter(user=OuterRef("pk"), brand__in=permissions.brands(person))
    return User.objects.filter(Exists(members) | Exists(assets_added_by_user(person)))


def assets_added_by_user(person: permissions.AnyUser) -> QuerySet[Asset]:
    """Return the assets that `person` may see and that the user of the outer query added."""
    return permissions.assets(person).filter(created_by=OuterRef("pk"))


VISIBLE: dict[str, Callable[[permissions.AnyUser], QuerySet[Any]]] = {
    "brand": permissions.brands,
    "collection": permissions.collections,
    "like": permissions.assets,
    "picture": images_of,
    "created_by": people,
}


class SearchForm(forms.Form):
    """Parameters of a search: `SearchForm(request.GET, person=request.user)`.

    `question()` returns the query of a valid form. A brand, collection, asset or query image that
    the user may not see is an invalid choice, like one that does not exist.
    """

    q = forms.CharField(required=False, max_length=1_000, strip=True, label="Words")
    text_weight = WeightField(
        min_value=0,
        error_messages={"min_value": "Prefix words to exclude with a minus: -striped."},
        label="Text weight",
    )
    like = ShownField(required=False, label="Search image")
    picture = ShownField(required=False)
    brand = forms.ModelMultipleChoiceField(
        Brand.objects.none(), required=False, to_field_name="slug"
    )
    kind = forms.MultipleChoiceField(choices=Asset.Kind.choices, required=False)
    origin = forms.MultipleChoiceField(choices=Asset.Origin.choices, required=False)
    status = forms.MultipleChoiceField(choices=Asset.Status.choices, required=False)
    tags = TagsField(
        required=False, max_length=500, help_text="Comma-separated: has all of these tags"
    )
    tags_any = TagsField(required=False, max_length=500, label="Any of these tags")
    tags_none = TagsField(required=False, max_length=500, label="None of these tags")
    orientation = forms.ChoiceField(
        choices=[("", "Any"), *Asset.Orientation.choices], required=False
    )
    aspect_ratio = RatioField(required=False, max_length=20)
    min_width = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Minimum width"
    )
    min_height = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000, label="Minimum height"
    )
    created_after = forms.DateField(required=False, label="Created from")
    created_before = forms.DateField(
        required=False, validators=[MaxValueValidator(LAST_DAY)], label="Created until"
    )
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    colour = forms.CharField(required=False, validators=[hex_colour])
    # A hidden input, whose value 0 means no
    usable = forms.BooleanField(required=False, widget=forms.HiddenInput)
    created_by = forms.ModelChoiceField(User.objects.none(), required=False, label="Added by")
    engine_model = ValuesField(required=False, label="Model")
    preset = ValuesField(required=False)
    captured_from = forms.DateField(required=False, label="Taken from")
    captured_to = forms.DateField(
        required=False, validators=[MaxValueValidator(LAST_DAY)], label="Taken until"
    )
    captured_year = YearsField(required=False, label="Taken in")
    creator = ValuesField(required=False, max_length=300)
    place = ValuesField(required=False, max_length=200)
    has_alt_text = forms.ChoiceField(
        choices=[("", "Any"), ("yes", "Yes"), ("no", "No")], required=False, label="Alt text"
    )
    terms_to_check = forms.BooleanField(required=False, widget=forms.HiddenInput)
    sort = forms.ChoiceField(choices=[("", "Newest first"), *Sort.choices], required=False)
    custom = forms.Field(required=False, widget=CustomFiltersWidget, label="Custom fields")

    def __init__(self, *args: Any, person: permissions.AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        for name, visible in VISIBLE.items():
            if name in self.data:  # Do not build five nested queries for nothing
                self.fields[name].queryset = visible(person)  # type: ignore[attr-defined]

    def clean_custom(self) -> tuple[FieldFilter, ...]:
        if not (given := self.cleaned_data["custom"]):
            return ()
        known = custom_fields.visible_fields(self.person, self.cleaned_data.get("brand", ()))
        try:
            return custom_fields.read_filters(given, known)
        except InvalidQuery as error:
            raise ValidationError(error.message, code="invalid_choice") from error

    def question(self) -> SearchQuery:
        """Return the query of a valid form."""
        data = self.cleaned_data
        keys = {
            "brand": tuple(brand.slug for brand in data["brand"]),
            "collection": data["collection"].pk if data["collection"] else None,
            "created_by": data["created_by"].pk if data["created_by"] else None,
        }
        values: dict[str, Any] = {name: keys.get(name, data[name]) for name in PARAMETERS}
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = tuple(value)
        return SearchQuery(
            text=data["q"],
            text_weight=data["text_weight"],
            shown=(
                *(ImageTerm(asset=asset.pk, weight=weight) for asset, weight in data["like"]),
                *(
                    ImageTerm(picture=picture.pk, weight=weight)
                    for picture, weight in data["picture"]
                ),
            ),
            sort=data["sort"],
            filters=Filters(**{PARAMETERS[name]: value for name, value in values.items()}),
        )


def read_query(address: str, *, person: permissions.AnyUser) -> SearchQuery:
    """Return the query of a query string that a SearchQuery wrote. Raises InvalidQuery, with a
    sentence, if it is invalid or names something that the user may not see."""
    form = SearchForm(QueryDict(address), person=person)
    if not form.is_valid():
        name, messages = next(iter(form.errors.items()))
        raise InvalidQuery(f"This search is no longer valid ({name}): {messages[0]}")
    return form.question()
