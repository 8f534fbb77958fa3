"""Monthly reports: who may view them, on the page, as CSV and over REST."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from assetbank.models import Asset, Membership
from generation.billing import caps, ledger, reports
from generation.models import (
    EngineModel,
    Generation,
    LedgerEntry,
    Preset,
    PresetVersion,
    SpendingCap,
)
from generation.pipeline import run_generation, submit
from tests.conftest import Cast
from tests.gemini_server import GeminiServer

MODEL = "gemini-nano-banana-2.1"
THIS_MONTH = f"{timezone.localdate():%Y-%m}"
pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def colleague(cast: Cast) -> User:
    person = User.objects.create_user("colleague", password="secret")
    Membership.objects.create(brand=cast.acme, user=person, role="creator")
    return person


def make(cast: Cast, person: User, prompt: str = "A red cape", **options: Any) -> Generation:
    given = {"aspect_ratio": "1:1", "model": MODEL, "brand": cast.acme, **options}
    generation = submit(person=person, prompt=prompt, **given)
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    return generation


def page(person: User, address: str = "/spending/") -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def api(person: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(person)
    return client


def this_month(person: User) -> reports.Report:
    return reports.report(person, reports.first_day(""))


def test_managers_are_told_of_their_brands_and_others_of_their_own(
    cast: Cast, colleague: User
) -> None:
    mine, theirs = make(cast, cast.creator), make(cast, colleague, "A blue cape")
    elsewhere = make(cast, cast.outsider, brand=cast.other)
    costs = {g: ledger.charged_usd(g) for g in (mine, theirs, elsewhere)}
    result = {
        "creator": this_month(cast.creator),
        "manager": this_month(cast.manager),
        "outsider": this_month(cast.outsider),
        "staff": this_month(cast.staff),
    }
    assert result["creator"].charged == costs[mine]
    assert result["manager"].charged == costs[mine] + costs[theirs]
    assert result["outsider"].charged == costs[elsewhere]
    assert result["staff"].charged == sum(costs.values())
    assert {line.name for line in result["manager"].lines["User"]} == {"creator", "colleague"}
    assert [line.name for line in result["staff"].lines["Brand"]] == ["Acme", "Other"]
    assert result["creator"].lines["Model"][0].name == "Nano Banana 2.1"


def test_whoever_leaves_a_brand_is_told_nothing_of_it(cast: Cast) -> None:
    make(cast, cast.creator)
    Membership.objects.filter(user=cast.creator).delete()
    assert this_month(cast.creator).empty


def test_an_approved_picture_costs_what_all_of_them_cost(cast: Cast) -> None:
    made = [make(cast, cast.creator, f"Cape {n}") for n in range(3)]
    assert this_month(cast.manager).per_approved is None
    Asset.objects.filter(generation_id=made[0].pk).update(status="approved")
    report = this_month(cast.manager)
    assert (report.made, report.approved) == (3, 1)
    assert report.per_approved == sum(ledger.charged_usd(each) for each in made)


def test_what_was_not_spent_is_told_beside_it(cast: Cast) -> None:
    generation = make(cast, cast.creator)
    ledger.record_avoided(brand=cast.acme, person=cast.creator, usd=Decimal("0.25"))
    ledger.record_saved(generation, Decimal("0.5"))
    report = this_month(cast.manager)
    assert (report.avoided, report.saved) == (Decimal("0.25"), Decimal("0.5"))
    assert report.charged == ledger.charged_usd(generation)


def test_refusals_are_counted_by_preset_and_reason_with_what_to_change(
    cast: Cast, server: GeminiServer
) -> None:
    preset = Preset.objects.create(slug="cape", name="Cape on a plinth")
    version = PresetVersion.objects.create(preset=preset, number=1, template="A cape")
    server.script("success", "refuse_picture", "finish_no_image", "refuse_picture", "dropped")
    make(cast, cast.creator, count=3, preset_version=version)
    make(cast, cast.creator, "Without a preset")
    make(cast, cast.creator, "Lost on the way", preset_version=version)
    result = [
        (each.preset, each.code, each.count, each.answers)
        for each in this_month(cast.manager).refusals
    ]
    assert result == [
        ("", "safety", 1, 1),
        ("Cape on a plinth", "no_image", 1, 3),
        ("Cape on a plinth", "safety", 1, 3),
    ]
    assert "safety filter blocked" in page(cast.manager)
    assert this_month(cast.outsider).refusals == []


def test_the_page_shows_limits_and_the_month(cast: Cast) -> None:
    SpendingCap.objects.create(brand=cast.acme, monthly_usd=Decimal(20))
    SpendingCap.objects.create(person=cast.outsider, monthly_usd=Decimal(1))
    make(cast, cast.creator)
    shown = page(cast.manager)
    assert "of $20.00" in shown
    assert "of $1.00" not in shown
    assert "Nano Banana 2.1" in shown
    assert "Nothing spent in January 2026" in page(cast.manager, "/spending/?month=2026-01")
    assert "of $20.00" not in page(cast.creator)  # only managers view what other users have spent


@pytest.mark.parametrize(
    ("name", "address", "status"),
    [
        ("viewer", "/spending/", 403),
        ("viewer", "/spending/entries.csv", 403),
        ("creator", "/spending/?month=2026-13", 400),
        ("creator", "/spending/?brand=other", 404),
        ("creator", "/spending/entries.csv?month=%00", 400),
    ],
)
def test_what_is_not_theirs_or_no_month_is_refused(
    cast: Cast, name: str, address: str, status: int
) -> None:
    client = Client()
    client.force_login(getattr(cast, name))
    assert client.get(address).status_code == status


def test_the_file_has_every_entry_and_no_formula(cast: Cast) -> None:
    generation = make(cast, cast.creator)
    entry = generation.ledger.filter(kind="charged").get()
    ledger.record_avoided(
        brand=cast.acme, person=cast.creator, usd=Decimal(1), note='=HYPERLINK("x")'
    )
    client = Client()
    client.force_login(cast.manager)
    answer = client.get("/spending/entries.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["kind"] for row in rows] == ["reserved", "charged", "released", "avoided"]
    assert Decimal(rows[1]["usd"]) == entry.usd
    assert rows[1]["model"] == MODEL
    assert rows[3]["note"] == '\'=HYPERLINK("x")'
    assert f"spending-{THIS_MONTH}.csv" in answer["Content-Disposition"]


def test_the_page_asks_as_often_for_many_as_for_few(
    cast: Cast, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for n in range(6):
        person = User.objects.create_user(f"person-{n}")
        SpendingCap.objects.create(person=person, monthly_usd=Decimal(5))
        ledger.record_avoided(brand=cast.acme, person=person, usd=Decimal(1))
    make(cast, cast.creator)
    with django_assert_max_num_queries(16):
        this_month(cast.staff)


def test_programs_read_the_same_month(cast: Cast) -> None:
    generation = make(cast, cast.creator)
    result = api(cast.manager).get(f"/api/v1/spending/?month={THIS_MONTH}&brand=acme").json()
    assert Decimal(result["charged_usd"]) == ledger.charged_usd(generation)
    assert result["people"][0]["name"] == "creator"
    assert api(cast.manager).get("/api/v1/spending/?brand=other").status_code == 400
    assert api(cast.viewer).get("/api/v1/spending/").status_code == 403
    assert api(cast.manager).get("/api/v1/spending/?month=soon").json()["code"] == "invalid_month"


def test_an_estimate_costs_nothing_and_says_whether_it_would_be_allowed(cast: Cast) -> None:
    SpendingCap.objects.create(brand=cast.acme, monthly_usd=Decimal("0.10"))
    asked = {"brand": "acme", "model": MODEL, "image_size": "4K", "references": 2}
    one = api(cast.creator).post("/api/v1/estimates/", asked).json()
    assert Decimal("0.113") < Decimal(one["usd"]) < Decimal("0.13")
    assert Decimal(one["usd_in_bulk"]) == Decimal(one["usd"]) / 2
    assert "left of the $0.10" in one["problem"]
    assert not LedgerEntry.objects.exists()
    smaller = api(cast.creator).post("/api/v1/estimates/", {**asked, "image_size": "1K"}).json()
    assert (smaller["problem"], Decimal(smaller["left_usd"])) == ("", Decimal("0.10"))
    refused = api(cast.creator).post("/api/v1/estimates/", {**asked, "image_size": "9K"})
    assert refused.json()["code"] == "unknown_image_size"
    assert api(cast.viewer).post("/api/v1/estimates/", asked).status_code == 403


def test_a_generation_tells_its_cost_to_those_who_may_know(cast: Cast, colleague: User) -> None:
    generation = make(cast, cast.creator)
    address = f"/api/v1/generations/{generation.pk}/"
    for person in (cast.creator, cast.manager, cast.staff):
        result = api(person).get(address).json()
        assert Decimal(result["cost_usd"]) == ledger.charged_usd(generation)
        assert Decimal(result["estimated_usd"]) > 0
        assert "<dt>Cost</dt>" in page(person, generation.get_absolute_url())
    assert api(colleague).get(address).json()["cost_usd"] is None
    assert "<dt>Cost</dt>" not in page(colleague, generation.get_absolute_url())


def test_the_studio_says_what_it_would_cost_before_it_is_made(cast: Cast) -> None:
    SpendingCap.objects.create(brand=cast.acme, monthly_usd=Decimal("5"))
    client = Client()
    client.force_login(cast.creator)
    form = {"prompt": "A cape", "brand": "acme", "aspect_ratio": "1:1", "image_size": "2K"}
    result = client.post("/studio/beside/", {**form, "model": MODEL, "count": 4})
    assert "About <strong>$0.21</strong> of the $5.00 left" in result.content.decode()
    result = client.post("/studio/beside/", {**form, "prompt": "", "model": MODEL, "count": 1})
    assert "About <strong>$0.05</strong>" in result.content.decode()
    result = client.post("/studio/beside/", {**form, "model": "sketch", "count": 4})
    assert "Free" in result.content.decode()


def test_a_refused_generation_offers_to_be_changed_and_not_to_be_tried_again(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("refuse_prompt")
    generation = make(cast, cast.creator)
    shown = page(cast.creator, generation.get_absolute_url())
    assert "Edit and retry" in shown
    assert "Retry" not in shown
    refused = api(cast.creator).post(f"/api/v1/generations/{generation.pk}/retry/")
    assert (refused.status_code, refused.json()["code"]) == (400, "refused")


def test_staff_set_limits_and_look_at_the_ledger(cast: Cast) -> None:
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
    make(cast, cast.creator)
    client = Client()
    client.force_login(cast.staff)
    saved = client.post(
        "/admin/generation/spendingcap/add/",
        {"brand": cast.acme.pk, "person": "", "monthly_usd": "12.50"},
    )
    assert saved.status_code == 302
    assert caps.remaining(SpendingCap.objects.get()) < Decimal("12.50")
    both = client.post(
        "/admin/generation/spendingcap/add/",
        {"brand": cast.acme.pk, "person": cast.creator.pk, "monthly_usd": "1"},
    )
    assert "Choose either a brand or a user" in both.content.decode()
    entry = LedgerEntry.objects.all()[0]
    assert client.get("/admin/generation/spendingcap/").status_code == 200
    assert client.get("/admin/generation/ledgerentry/").status_code == 200
    assert client.get(f"/admin/generation/ledgerentry/{entry.pk}/change/").status_code == 200
    assert client.get("/admin/generation/ledgerentry/add/").status_code == 403


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"aspect_ratios": "1:1,wide"}, "written like 16:9"),
        ({"image_sizes": "1K,huge"}, "written like 512 or 2K"),
        ({"slots": '{"hero": 2}'}, "no role hero"),
        ({"slots": '{"character": "many"}'}, "whole numbers"),
        ({"image_tokens": '{"1K": 1120, "8K": 9}'}, "does not offer the size “8K”"),
        ({"image_tokens": "{}"}, "Enter the number of tokens for an image of 1K."),
        ({"successor": "gemini-2.5-flash-image"}, "cannot be its own successor"),
    ],
)
def test_a_mistake_in_the_table_of_models_is_said_where_it_is_made(
    cast: Cast, change: dict[str, str], words: str
) -> None:
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
    client = Client()
    client.force_login(cast.staff)
    given = {
        "label": "Nano",
        "engine": "gemini",
        "position": "1",
        "offered": "on",
        "aspect_ratios": "1:1,16:9",
        "image_sizes": "1K",
        "max_references": "14",
        "slots": '{"character": 4}',
        "image_tokens": '{"1K": 1120}',
        "usd_image": "30",
        "batch_share": "0.5",
        "digital_source_type": "trainedAlgorithmicMedia",
    }
    answer = client.post(f"/admin/generation/enginemodel/{MODEL}/change/", {**given, **change})
    if words:
        assert words in answer.content.decode().replace("&quot;", '"')
    else:
        assert answer.status_code == 302
        assert EngineModel.objects.get(pk=MODEL).label == "Nano"
        assert "1K $0.0336" in client.get("/admin/generation/enginemodel/").content.decode()


def test_staff_find_refusals_by_preset_and_reason_and_what_each_cost(
    cast: Cast, server: GeminiServer
) -> None:
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
    server.script("refuse_prompt")
    refused = make(cast, cast.creator)
    made = make(cast, cast.creator, "Another")
    client = Client()
    client.force_login(cast.staff)
    listed = client.get("/admin/generation/generation/?reason_code=prohibited_content")
    rows = listed.context["cl"].result_list
    assert [row.pk for row in rows] == [refused.pk]
    shown = client.get(f"/admin/generation/generation/{made.pk}/change/").content.decode()
    assert "$0.04, estimated $0.04" in shown
