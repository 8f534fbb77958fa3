"""Estimates, reservations, charges and caps, over real HTTP to the stand-in."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from assetbank.models import Asset
from generation.billing import caps, ledger, prices
from generation.engines import catalog, quotas
from generation.errors import EngineUnavailable, InvalidRequest
from generation.models import EngineModel, Generation, LedgerEntry, SpendingCap
from generation.pipeline import cancel_generation, retry_generation, submit
from generation.workflows import refine
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.generation.requests import run

MODEL = "gemini-nano-banana-2.1"
PICTURE = Decimal("0.0336")  # 1120 tokens at $30 a million
Kind = LedgerEntry.Kind


def ask(cast: Cast, *references: Asset, **options: Any) -> Generation:
    given = {"aspect_ratio": "1:1", "prompt": "A red cape", "model": MODEL, **options}
    return submit(person=cast.creator, brand=cast.acme, references=references, **given)


def entries(generation: Generation, kind: str) -> list[Decimal]:
    return [entry.usd for entry in generation.ledger.filter(kind=kind).order_by("id")]


def total(generation: Generation) -> Decimal:
    kinds = generation.ledger.filter(kind__in=LedgerEntry.SPENT)
    return sum((entry.usd for entry in kinds), Decimal(0))


def cap(usd: str, **whose: Any) -> SpendingCap:
    return SpendingCap.objects.create(monthly_usd=Decimal(usd), **whose)


# ------------------------------------------------------------------------ prices


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("model_id", "usd_by_size"),
    [
        (MODEL, {"1K": "0.0336", "2K": "0.0504", "4K": "0.1134"}),
        ("gemini-3-pro-image", {"1K": "0.1344", "2K": "0.1344", "4K": "0.24"}),
        ("gemini-2.5-flash-image", {"": "0.0387"}),
        ("sketch", {"1K": "0", "2K": "0", "4K": "0"}),
    ],
)
def test_pictures_cost_what_the_shipped_table_says(
    db: None, model_id: str, usd_by_size: dict[str, str]
) -> None:
    model = EngineModel.objects.get(pk=model_id)
    prices_by_size = prices.picture_prices(model)
    assert {size: str(usd) for size, usd in prices_by_size.items()} == usd_by_size


def test_the_recorded_answer_of_googles_costs_what_its_total_says(db: None) -> None:
    """Input: 14 tokens at $2; image: 1120 at $120; text: the other 337 of 1471 at $12."""
    model = EngineModel(usd_input=Decimal(2), usd_text=Decimal(12), usd_image=Decimal(120))
    usage = {
        "promptTokenCount": 14,
        "candidatesTokenCount": 1283,
        "totalTokenCount": 1471,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
        "thoughtsTokenCount": 174,
    }
    assert prices.price(usage, model, pictures=1) == Decimal("0.138472")
    assert prices.price(usage, model, in_bulk=True) == Decimal("0.069236")


def test_pictures_that_are_not_counted_apart_cost_what_the_table_says(db: None) -> None:
    model = EngineModel(usd_image=Decimal(30), image_sizes=["1K"], image_tokens={"1K": 1120})
    assert prices.price({}, model, pictures=2) == 2 * PICTURE
    assert prices.price({"totalTokenCount": 1120}, model, pictures=1) == PICTURE
    assert prices.price({}, model) == 0


# ------------------------------------------------------------------------ one generation


def test_the_estimate_is_reserved_and_gives_way_to_what_was_counted(
    cast: Cast, server: GeminiServer, make_asset: Callable[..., Asset]
) -> None:
    generation = ask(cast, make_asset(), count=2)
    (reserved,) = entries(generation, Kind.RESERVED)
    assert 2 * PICTURE < reserved < 2 * PICTURE * Decimal("1.2")
    generation = run(generation)
    charges = entries(generation, Kind.CHARGED)
    assert len(charges) == 2
    assert all(PICTURE < usd < PICTURE * Decimal("1.2") for usd in charges)
    assert total(generation) == sum(charges) == ledger.charged_usd(generation)


def test_a_turn_is_reserved_with_the_pictures_that_it_shows_again(
    cast: Cast, server: GeminiServer, make_asset: Callable[..., Asset]
) -> None:
    output = run(ask(cast, make_asset(), make_asset(), prompt="A cape")).outputs.get()
    for shown in (4, 6):  # all earlier references and images, and a new reference
        turn = refine.submit_refinement(
            person=cast.creator, output=output, words="A hat.", references=[make_asset()]
        )
        assert entries(turn, Kind.RESERVED) == [
            prices.estimate(catalog.get_model(MODEL), size="1K", references=shown, prompt="A hat.")
        ]
        output = run(turn).outputs.get()


def test_a_charge_takes_its_share_of_the_reservation_with_it(
    cast: Cast, server: GeminiServer
) -> None:
    """Otherwise a running generation would count twice against the cap."""
    server.script("success", "overloaded")
    generation = ask(cast, count=2)
    before = ledger.reserved_usd(generation)
    with pytest.raises(EngineUnavailable):
        run(generation)
    assert ledger.reserved_usd(generation) == before / 2


@pytest.mark.parametrize("scenario", ["refuse_prompt", "refuse_picture", "text_only"])
def test_a_refusal_costs_what_it_counted(cast: Cast, server: GeminiServer, scenario: str) -> None:
    server.script(scenario)
    generation = run(ask(cast))
    (charge,) = entries(generation, Kind.CHARGED)
    assert 0 < charge < PICTURE / 10
    assert total(generation) == charge


def test_odd_counts_and_letters_cost_nobody_the_picture(cast: Cast, server: GeminiServer) -> None:
    server.script("odd_json")
    generation = run(ask(cast))
    assert generation.state == "succeeded"
    assert generation.takes.get().text == "Here is your ? picture."
    server.script("odd_letters")
    refused = run(ask(cast, prompt="Another"))
    assert refused.state == "failed"
    assert "Not this ? prompt." in refused.reason
    assert total(generation) == ledger.charged_usd(generation)


@pytest.mark.parametrize("details", [None, "?", ["?"], [{"modality": "IMAGE"}], {"a": 1}])
def test_no_count_however_odd_breaks_the_price(db: None, details: Any) -> None:
    model = EngineModel(usd_image=Decimal(30))
    usage = {"totalTokenCount": float("inf"), "candidatesTokensDetails": details}
    assert prices.price(usage, model) == 0


def test_what_was_cancelled_or_could_not_be_sent_costs_nothing(
    cast: Cast, server: GeminiServer
) -> None:
    waiting = ask(cast)
    cancel_generation(person=cast.creator, generation=waiting)
    server.script("bad_key")
    failed = run(ask(cast, prompt="Another"))
    for generation in (waiting, failed):
        assert entries(generation, Kind.RESERVED)
        assert total(generation) == 0


@pytest.mark.parametrize("scenario", ["hang", "dropped", "half_body"])
def test_what_may_have_been_billed_is_counted_and_asked_again_by_a_person_only(
    cast: Cast, server: GeminiServer, settings: Settings, scenario: str
) -> None:
    server.script(scenario)
    settings.GEMINI_TIMEOUT_S = 1 if scenario == "hang" else 60
    generation = run(ask(cast, count=2))
    settings.GEMINI_TIMEOUT_S = 60
    assert generation.state == "failed"
    assert len(server.requests) == 1
    (entry,) = generation.ledger.filter(kind=Kind.CHARGED)
    assert entry.usd >= PICTURE
    assert "may have been billed" in entry.note
    retry_generation(person=cast.creator, generation=generation)
    generation = run(generation)
    assert generation.state == "succeeded"
    assert generation.outputs.count() == 2
    assert len(server.requests) == 3
    assert len(entries(generation, Kind.CHARGED)) == 3
    assert total(generation) == ledger.charged_usd(generation)


def test_a_worker_that_ends_after_a_loss_does_not_ask_again(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("dropped")
    generation = run(ask(cast, count=2))
    Generation.objects.filter(pk=generation.pk).update(state="running", reason="")
    generation = run(generation)
    assert (generation.state, generation.reason_code) == ("failed", "connection_lost")
    assert len(server.requests) == 1


def test_a_damaged_picture_costs_what_its_answer_counted(cast: Cast, server: GeminiServer) -> None:
    server.script("bad_base64")
    generation = run(ask(cast))
    assert generation.state == "failed"
    assert generation.usage["totalTokenCount"] > 0
    assert len(entries(generation, Kind.CHARGED)) == 1


def test_a_picture_that_cannot_be_read_is_made_anew_when_a_person_tries_again(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("not_an_image")
    generation = run(ask(cast))
    assert generation.reason_code == "unreadable_picture"
    retry_generation(person=cast.creator, generation=generation)
    generation = run(generation)
    assert generation.state == "succeeded"
    assert len(server.requests) == 2
    assert len(entries(generation, Kind.CHARGED)) == 2


def test_what_was_refused_is_not_asked_again(cast: Cast, server: GeminiServer) -> None:
    server.script("refuse_prompt")
    refused = run(ask(cast))
    with pytest.raises(InvalidRequest, match="Edit it in the studio first") as raised:
        retry_generation(person=cast.creator, generation=refused)
    assert raised.value.code == "refused"
    server.script("refuse_picture", "bad_key")
    generation = run(ask(cast, prompt="Another", count=2))
    retry_generation(person=cast.creator, generation=generation)
    generation = run(generation)
    assert generation.state == "succeeded"
    assert generation.reason.startswith("1 of 2 refused.")
    assert len(server.requests) == 4  # the refused take is not counted twice


# ------------------------------------------------------------------------ caps


@pytest.mark.parametrize("whose", ["brand", "person"])
def test_a_cap_is_kept_and_says_what_is_left(cast: Cast, server: GeminiServer, whose: str) -> None:
    cap("0.10", **({"brand": cast.acme} if whose == "brand" else {"person": cast.creator}))
    run(ask(cast))
    ask(cast, prompt="Waits")
    with pytest.raises(InvalidRequest) as raised:
        ask(cast, prompt="One too many")
    assert raised.value.code == "spending_cap"
    assert "$0.03 left of the $0.10" in raised.value.message
    assert Generation.objects.count() == 2
    assert ask(cast, model="sketch").pk  # a free request is always allowed


def test_a_month_ends_in_the_sites_time_zone(
    cast: Cast, server: GeminiServer, settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    begin, end = caps.month(datetime.date(2026, 12, 31))
    assert begin.isoformat() == "2026-12-01T00:00:00+09:00"
    assert end.isoformat() == "2027-01-01T00:00:00+09:00"


def test_what_was_charged_in_an_earlier_month_does_not_count(
    cast: Cast, server: GeminiServer
) -> None:
    limit = cap("0.05", brand=cast.acme)
    run(ask(cast))
    before = caps.remaining(limit)
    earlier = caps.month()[0] - datetime.timedelta(seconds=1)
    LedgerEntry.objects.update(at=earlier)
    assert before < caps.remaining(limit) == Decimal("0.05")


def test_what_is_set_aside_since_last_month_still_counts(cast: Cast, server: GeminiServer) -> None:
    limit = cap("0.05", brand=cast.acme)
    ask(cast)
    LedgerEntry.objects.update(at=caps.month()[0] - datetime.timedelta(days=1))
    assert caps.remaining(limit) < Decimal("0.02")


def test_trying_again_stays_within_the_cap(cast: Cast, server: GeminiServer) -> None:
    server.script("bad_key")
    generation = run(ask(cast))
    cap("0.01", brand=cast.acme)
    with pytest.raises(InvalidRequest, match="left of the"):
        retry_generation(person=cast.creator, generation=generation)
    generation.refresh_from_db()
    assert generation.state == "failed"


@pytest.mark.django_db(transaction=True)
def test_caps_hold_when_twenty_ask_at_once(cast: Cast, server: GeminiServer) -> None:
    """The user's cap allows five, the brand's eight."""
    price = prices.estimate(catalog.get_model(MODEL), size="1K", prompt="A red cape 10")
    SpendingCap.objects.create(brand=cast.acme, monthly_usd=Decimal("0.30"))
    SpendingCap.objects.create(person=cast.creator, monthly_usd=Decimal("0.19"))
    assert 5 * price < Decimal("0.19") < 6 * price

    def one(number: int) -> str:
        try:
            ask(cast, prompt=f"A red cape {number + 10}")
        except InvalidRequest as error:
            return error.code
        finally:
            connection.close()
        return "queued"

    with ThreadPoolExecutor(20) as pool:
        asked = list(pool.map(one, range(20)))
    assert Counter(asked) == {"queued": 5, "spending_cap": 15}
    assert Generation.objects.count() == 5
    assert LedgerEntry.objects.filter(kind=Kind.RESERVED).count() == 5


# ------------------------------------------------------------------------ quotas and waits


def test_a_daily_quota_is_not_asked_against_again_that_day(
    cast: Cast, server: GeminiServer
) -> None:
    waiting = ask(cast, prompt="Waits already")
    server.script("daily_quota")
    failed = run(ask(cast))
    assert failed.reason_code == "daily_quota"
    with pytest.raises(InvalidRequest, match="resets on"):
        ask(cast, prompt="Later")
    with pytest.raises(InvalidRequest, match="resets on") as raised:
        retry_generation(person=cast.creator, generation=failed)
    assert raised.value.code == "daily_quota"
    assert run(waiting).reason_code == "daily_quota"
    assert total(waiting) == 0
    assert len(server.requests) == 1
    client = Client()
    client.force_login(cast.creator)
    form = {"prompt": "x", "brand": "acme", "model": MODEL, "aspect_ratio": "1:1", "count": 1}
    assert "resets on" in client.post("/studio/beside/", form).content.decode()
    assert ask(cast, model="gemini-3-pro-image").pk  # other models have their own quota


def test_the_quota_begins_anew_at_midnight_where_google_counts(
    cast: Cast, server: GeminiServer
) -> None:
    server.script("daily_quota")
    failed = run(ask(cast))
    today = timezone.now().astimezone(quotas.GOOGLE_TIME_ZONE).replace(hour=0, minute=0, second=0)
    yesterday = today - datetime.timedelta(seconds=2)
    Generation.objects.filter(pk=failed.pk).update(finished_at=yesterday)
    retry_generation(person=cast.creator, generation=failed)
    assert run(failed).state == "succeeded"


def test_no_worker_waits_for_hours(cast: Cast, server: GeminiServer) -> None:
    server.script("rate_limited_for_hours")
    generation = run(ask(cast))
    assert (generation.state, generation.reason_code) == ("failed", "rate_limited")
    assert "10 hours" in generation.reason
    assert total(generation) == 0
