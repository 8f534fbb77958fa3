"""Withdrawals: descendants are quarantined with their source, and users are notified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from assetbank import notifications, permissions
from assetbank.assets import update_asset
from assetbank.errors import InvalidAsset, NotAllowed
from assetbank.models import Asset, Brand, Membership, Notice
from assetbank.rights import terms
from generation.errors import InvalidRequest
from generation.lineage import inheritance
from generation.models import Generation, Output, Webhook, WebhookDelivery, Withdrawal
from generation.pipeline import draw, execute, outputs, run_generation, submit
from generation.workflows import withdrawal
from tests.conftest import Cast, picture_bytes
from tests.generation.requests import answered
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]


def ask(
    *references: Asset, by: User, brand: Brand | None = None, draft: Output | None = None
) -> Generation:
    return submit(
        person=by,
        brand=brand or references[0].brand,
        prompt="A cape on the beach",
        references=references,
        model="sketch",
        aspect_ratio="1:1",
        draft=draft,
    )


def drawn(generation: Generation) -> Asset:
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    assert generation.state == "succeeded", generation.reason
    asset = generation.outputs.get().asset
    assert asset
    return asset


def statuses(*assets: Asset) -> list[str]:
    return [Asset.objects.get(pk=asset.pk).status for asset in assets]


def sentences(person: User) -> list[str]:
    return [notice.sentence for notice in Notice.objects.filter(person=person)]


def test_everything_made_from_it_is_quarantined_and_comes_back(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source, bystander = make_asset(title="Cape"), make_asset(title="Hat")
    child = drawn(ask(source, bystander, by=cast.creator))
    grandchild = drawn(ask(child, by=cast.creator))
    update_asset(asset=child, status="archived")
    said = withdrawal.affected_by(person=cast.manager, asset=source)
    assert ([asset.pk for asset in said.seen], said.unseen) == ([grandchild.pk, child.pk], 0)

    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="The model took it back.")
    assert statuses(source, child, grandchild, bystander) == ["quarantined"] * 3 + ["approved"]
    with pytest.raises(InvalidRequest, match="quarantined"):
        ask(Asset.objects.get(pk=child.pk), by=cast.creator)
    with pytest.raises(InvalidAsset, match="Reinstate them first"):
        update_asset(asset=Asset.objects.get(pk=child.pk), status="draft")
    with pytest.raises(InvalidAsset, match="already"):
        withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="Again")

    withdrawal.reinstate_rights(person=cast.manager, asset=source)
    assert statuses(source, child, grandchild) == ["approved", "archived", "draft"]


def test_what_two_withdrawals_hold_comes_back_with_the_second(
    cast: Cast, make_asset: MakeAsset
) -> None:
    cape, hat = make_asset(title="Cape"), make_asset(title="Hat")
    both = drawn(ask(cape, hat, by=cast.creator))
    for source in (cape, hat):
        withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
    withdrawal.reinstate_rights(person=cast.manager, asset=cape)
    assert statuses(cape, hat, both) == ["approved", "quarantined", "quarantined"]
    withdrawal.reinstate_rights(person=cast.manager, asset=hat)
    assert statuses(hat, both) == ["approved", "draft"]


def test_a_withdrawal_outlives_its_source_and_is_lifted_by_its_managers_only(
    cast: Cast, make_asset: MakeAsset
) -> None:
    Membership.objects.create(brand=cast.other, user=cast.creator, role="creator")
    source = make_asset(title="Cape", brand=cast.other)
    made = drawn(ask(source, by=cast.creator, brand=cast.acme))
    began = execute._begin(ask(source, by=cast.creator, brand=cast.acme).pk)
    assert began
    withdrawal.withdraw_rights(person=cast.outsider, asset=source, reason="No licence.")
    checksum = source.checksum
    delete_asset(asset=Asset.objects.get(pk=source.pk))
    kept = Withdrawal.objects.get()
    assert (kept.asset, kept.title, kept.checksum) == (None, "Cape", checksum)

    late = make_asset((9, 9, 9), status="draft")  # stored after the withdrawal
    inheritance.inherit_terms(asset=late, generation=began)
    assert statuses(made, late) == ["quarantined"] * 2
    with pytest.raises(InvalidAsset, match="not revoked"):  # by a manager of its own brand
        withdrawal.reinstate_rights(person=cast.manager, asset=Asset.objects.get(pk=made.pk))
    with pytest.raises(NotAllowed):
        withdrawal.lift_withdrawal(person=cast.manager, withdrawal=kept)
    withdrawal.reinstate_rights(person=cast.outsider, asset=Asset.objects.get(pk=made.pk))
    assert statuses(made, late) == ["draft"] * 2
    with pytest.raises(InvalidAsset, match="not revoked"):
        withdrawal.lift_withdrawal(person=cast.outsider, withdrawal=kept)


def test_who_lifts_it_a_moment_later_takes_no_approval_back(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset()
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
    late = Asset.objects.get(pk=source.pk)  # read while it was quarantined
    withdrawal.reinstate_rights(person=cast.manager, asset=source)
    with pytest.raises(InvalidAsset, match="not revoked"):
        withdrawal.reinstate_rights(person=cast.manager, asset=late)
    assert statuses(source) == ["approved"]


def test_what_waits_is_cancelled_and_what_arrives_afterwards_joins_it(
    cast: Cast, make_asset: MakeAsset
) -> None:
    source = make_asset(title="Cape")
    waiting, drawing = ask(source, by=cast.creator), ask(source, by=cast.creator)
    began = execute._begin(drawing.pk)
    assert began
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("cancelled", withdrawal.CANCELLED)
    # the late answer is recorded, and its output quarantined with its source
    take, data = answered(began), picture_bytes((9, 9, 9))
    began.outputs.create(take=take, position=0, data=data, mime="image/png")
    Generation.objects.filter(pk=began.pk).update(state="queued")
    run_generation(generation_id=began.pk)
    made = began.outputs.get().asset
    assert made
    assert made.status == "quarantined"
    withdrawal.reinstate_rights(person=cast.manager, asset=source)
    assert statuses(made) == ["draft"]


def test_rights_do_not_end_where_a_brand_does(cast: Cast, make_asset: MakeAsset) -> None:
    Membership.objects.create(brand=cast.other, user=cast.creator, role="creator")
    source = make_asset(title="Secret cape")
    elsewhere = drawn(ask(source, by=cast.creator, brand=cast.other))
    said = withdrawal.affected_by(person=cast.manager, asset=source)
    assert (said.seen, said.unseen) == ([], 1)
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="A secret reason.")
    assert statuses(elsewhere) == ["quarantined"]
    assert "“Secret cape” were revoked: A secret reason." in sentences(cast.creator)[0]
    (theirs,) = sentences(cast.outsider)  # the other brand's manager, who may not view the source
    assert "Quarantined: “A cape on the beach”" in theirs
    assert "ecret" not in theirs
    assert sentences(cast.manager) == []  # the user who withdrew is not notified


@pytest.mark.parametrize("name", ["creator", "viewer", "outsider"])
def test_only_managers_withdraw_and_lift(cast: Cast, make_asset: MakeAsset, name: str) -> None:
    source = make_asset()
    with pytest.raises(NotAllowed):
        withdrawal.withdraw_rights(person=getattr(cast, name), asset=source, reason="Because.")
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="Because.")
    with pytest.raises(NotAllowed):
        withdrawal.reinstate_rights(person=getattr(cast, name), asset=source)


def test_a_reason_is_needed(cast: Cast, make_asset: MakeAsset) -> None:
    for reason in (" \n", "x" * 501):
        with pytest.raises(InvalidAsset, match=r"has more than|Enter a reason"):
            withdrawal.withdraw_rights(person=cast.manager, asset=make_asset(), reason=reason)


def test_owners_hear_of_it_by_e_mail_where_that_is_set_up(
    cast: Cast, make_asset: MakeAsset, settings: Settings
) -> None:
    settings.EMAIL_HOST, settings.SITE_URL = "mail.example.com", "https://assets.example.com/"
    User.objects.filter(pk=cast.creator.pk).update(email="creator@example.com")
    source = make_asset(title="Cape")
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
    (notice,) = Notice.objects.filter(person=cast.creator)
    (job,) = ProcrastinateJob.objects.filter(task_name="assetbank.tasks.mail_notice")
    assert job.args == {"notice_id": notice.pk}
    notifications.send_email(notice_id=notice.pk)
    (sent,) = mail.outbox
    assert sent.to == ["creator@example.com"]
    assert "The usage rights of “Cape” were revoked" in sent.body
    assert f"https://assets.example.com{source.get_absolute_url()}" in sent.body


def test_programs_that_listen_hear_of_their_own_brand(cast: Cast, make_asset: MakeAsset) -> None:
    for brand in (cast.acme, cast.other):
        Webhook.objects.create(
            brand=brand, url="https://example.com/", events=[Webhook.Event.WITHDRAWN]
        )
    Membership.objects.create(brand=cast.other, user=cast.creator, role="creator")
    source = make_asset(title="Cape")
    made = drawn(ask(source, by=cast.creator, brand=cast.other))
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="A private reason.")
    ours, theirs = WebhookDelivery.objects.order_by("webhook__brand__name")
    assert "A private reason." in str(ours.payload)
    assert "private" not in str(theirs.payload)
    assert made.title in str(theirs.payload)


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_is_being_stored_does_not_slip_through(
    cast: Cast, make_asset: MakeAsset
) -> None:
    """The transaction that stores it is not committed when the rights are revoked."""
    source = make_asset()
    began = execute._begin(ask(source, by=cast.creator).pk)
    assert began
    draw.draw_missing(began)
    stored, may_commit = threading.Event(), threading.Event()

    def store() -> None:
        with transaction.atomic():
            outputs.store_outputs(began)
            stored.set()
            may_commit.wait(30)
        connection.close()

    def withdraw() -> None:
        withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        storing = threads.submit(store)
        assert stored.wait(30)
        withdrawn = threads.submit(withdraw)
        while not (withdrawn.done() or somebody_waits()):
            pass
        may_commit.set()
        storing.result(30)
        withdrawn.result(30)
    made = began.outputs.get().asset
    assert made
    assert made.status == "quarantined"


def somebody_waits() -> bool:
    """Return True if a session of this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND cardinality(pg_blocking_pids(pid)) > 0"
        )
        return bool(cursor.fetchone()[0])


def test_what_is_quarantined_may_not_be_used(cast: Cast, make_asset: MakeAsset) -> None:
    source = make_asset()
    withdrawal.withdraw_rights(person=cast.manager, asset=source, reason="No licence.")
    assert "revoked" in (terms.usage_problem(source) or "")
    assert not terms.usable(permissions.assets(cast.manager)).filter(pk=source.pk).exists()
