"""The demo brands get rules once, and keep the changes of users."""

from __future__ import annotations

import pytest

from assetbank.models import Brand, Collection
from generation import demo
from generation.models import BrandRules


@pytest.mark.django_db
def test_demo_brands_get_rules_and_anchors_and_keep_their_own() -> None:
    orvelle = Brand.objects.create(name="Maison Orvelle", slug="maison-orvelle")
    anchors = Collection.objects.create(brand=orvelle, name="Shop packshots")
    Brand.objects.create(name="Acme", slug="acme")
    demo.load()
    [rules] = BrandRules.objects.all()
    assert (rules.brand, rules.anchors) == (orvelle, anchors)
    assert rules.never
    BrandRules.objects.update(never=["Rain."])
    demo.load()
    assert BrandRules.objects.get().never == ["Rain."]
