"""What people asked and what they keep of it: through the pages, the API and the verbs."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from search.forms import read_question
from search.questions import Question, Shown

from assetbank import intake
from generation.models import Generation
from search import gaps, keeping, vectors
from search.models import Asked, SavedSearchVisit
from tests.upgrade.make_library.library import HOST, Made

FAR = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


def make(made: Made) -> None:
    _saved(made)
    _golden(made)
    _asked(made)
    for words, brand in (("Purple umbrella", made.brand), ("A dog in the snow", None)):
        item = gaps.put_on_shoot_list(words=words, brand=brand, note="Ask Otto", by=made.mona)
    gaps.tick(item=item, done=True)
    _idempotent(made)


def _saved(made: Made) -> None:
    picture = vectors.remember_picture(
        person=made.creative, data=intake.original_bytes(made.free[4])
    )
    part = vectors.remember_part(person=made.mona, asset=made.free[3], box=(0.2, 0.2, 0.8, 0.8))
    vectors.remember_picture(person=made.vera, data=intake.original_bytes(made.free[5]))
    questions = {
        "Red bags": read_question("q=red+handbag", person=made.creative),
        "Without blue": read_question("q=dress+-blue&orientation=square", person=made.creative),
        "Campaigns": read_question("kind=render&origin=generated", person=made.creative),
        "Like the coat": read_question(
            f"q=coat&like={made.free[2].pk}*2&like={made.free[4].pk}", person=made.creative
        ),
        "Like what I showed": Question(shown=(Shown(picture=picture.pk),)),
        "Like this part": Question(text="bag", shown=(Shown(picture=part.pk, weight=2.0),)),
    }
    for name, question in questions.items():
        by = made.mona if "part" in name else made.creative
        keeping.save(brand=made.brand, name=name, question=question, by=by)
    other = read_question("q=robot", person=made.creative)
    saved = keeping.save(brand=made.other, name="Robots", question=other, by=made.creative)
    keeping.visit(saved=saved, person=made.mona)
    week = timezone.now() - datetime.timedelta(days=7)
    SavedSearchVisit.objects.filter(saved_search__name="Campaigns").update(visited_at=week)


def _golden(made: Made) -> None:
    for asked, expected in (("q=gold+watch", made.free[5:7]), ("q=red+dress", made.free[12:13])):
        question = read_question(asked, person=made.mona)
        keeping.pin(brand=made.brand, question=question, expected=expected, by=made.mona)
    answer = page_of(made.mona).post("/golden/measure/")
    assert answer.status_code == 302, answer.content


def _asked(made: Made) -> None:
    page, program = page_of(made.creative), made.client(made.mona)
    for words in ("red handbag", "watch", "something that nobody has drawn", "red handbag"):
        assert page.get("/", {"q": words}).status_code == 200
    assert program.get("/api/v1/assets/", {"q": "lamp", "limit": 5}).status_code == 200
    clicked = Asked.objects.filter(words="watch").get()
    page.post(f"/asked/{clicked.pk}/click/")
    clicked.refresh_from_db()
    assert clicked.clicks == 1
    old = timezone.now() - datetime.timedelta(days=40)
    Asked.objects.filter(words__startswith="something").update(
        asked_at=old, person=None, ranking=None
    )


def _idempotent(made: Made) -> None:
    client = made.client(made.creative)
    answer = client.post(
        "/api/v1/collections/",
        {"brand": made.brand.slug, "name": "Asked for once"},
        headers={"Idempotency-Key": "kept-1"},
    )
    assert answer.status_code == 201, answer.content


# ------------------------------------------------------------------------ a desk in the studio


def page_of(person: User) -> Client:
    page = Client(SERVER_NAME=HOST)
    page.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return page


def session(made: Made) -> dict[str, Any]:
    """The key of a session that was left in the studio, and what is on its desk."""
    page = page_of(made.creative)
    coat, bag = made.free[4], made.free[3]
    for asset in (coat, bag):
        page.post("/tray/change/", {"add": asset.pk})
    page.post("/tray/change/", {"role_of": bag.pk, f"role_{bag.pk}": "product"})
    written = {
        "brand": made.brand.slug,
        "prompt": "A bag that somebody was about to ask for",
        "model": "gemini-nano-banana-2.1",
        "aspect_ratio": "4:5",
        "image_size": "2K",
        "count": "3",
        "preset": "own-plinth",
        "var_stone": "slate",
    }
    assert page.post("/studio/beside/", written).status_code == 200
    assert "A bag that somebody" in page.get("/studio/").content.decode()
    past = Generation.objects.get(prompt__startswith="Several at once")
    page.post(f"/generations/{past.pk}/again/", {"part": "settings"})
    key = page.cookies["sessionid"].value
    Session.objects.filter(pk=key).update(expire_date=FAR)
    shown = page.get("/studio/").content.decode()
    assert re.search("A bag that somebody was about", shown)
    return {
        "key": key,
        "data": dict(page.session.items()),
        "texts": ["A bag that somebody was about to ask for", coat.title, bag.title, "slate"],
    }
