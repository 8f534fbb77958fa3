"""Presets: filling, checks and changes, in the studio, over REST and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assetbank.models import Asset
from generation.errors import InvalidRequest
from generation.models import Generation, Preset, PresetVersion
from generation.pipeline import run_generation, submit
from generation.prompting import preset_validation, presets
from tests.conftest import Cast
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
BLANKS = [{"name": "place", "label": "Where", "default": "a beach"}, {"name": "who"}]
ROLES = [{"role": "product", "least": 1, "most": 2}, {"role": "style", "least": 0, "most": 1}]


def make_preset(slug: str = "shore", **fields: Any) -> PresetVersion:
    brand = fields.pop("brand", None)
    preset = Preset.objects.create(slug=slug, name=slug.capitalize(), brand=brand)
    said = {"template": "On {place}, {who}.", "variables": BLANKS, "roles": ROLES, **fields}
    return presets.save_preset(preset=preset, by=None, **said)


@pytest.mark.usefixtures("shipped")
class TestShipped:
    def test_what_the_brands_ask_for_is_there(self) -> None:
        slugs = set(Preset.objects.values_list("slug", flat=True))
        assert {"figurine", "beach", "convertible", "outfit-swap", "packaging"} <= slugs
        assert {"hat-and-skirt-swap", "pack-shot"} <= slugs

    def test_each_can_be_filled_as_it_is(self) -> None:
        for version in PresetVersion.objects.select_related("preset"):
            said = version.template, version.variables, version.roles
            assert preset_validation.template_problems(*said) == [], version
            assert "{" not in presets.fill(version, {}), version
            assert version.roles, version


@pytest.mark.django_db
class TestFilling:
    def test_values_and_defaults_go_into_the_blanks(self) -> None:
        version = make_preset()
        assert presets.fill(version, {"who": " a\nsailor "}) == "On a beach, a sailor."
        assert presets.fill(version, {"who": "{place}", "place": "x"}) == "On x, {place}."

    def test_a_brace_is_written_twice(self) -> None:
        version = make_preset(template="{{{who}}}", variables=[{"name": "who"}])
        assert presets.fill(version, {"who": "me"}) == "{me}"

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({}, "Fill in “Who”"),
            ({"who": "x", "when": "now"}, "no variable “when”. It has: place, who"),
            ({"who": "x" * 501}, "at most 500"),
        ],
    )
    def test_what_cannot_be_filled_says_why(self, given: dict[str, str], sentence: str) -> None:
        with pytest.raises(InvalidRequest, match=sentence):
            presets.fill(make_preset(), given)

    def test_own_words_are_added_and_told_apart_again(self) -> None:
        version, given = make_preset(), {"who": "a sailor"}
        whole = presets.fill_prompt(version, given, "At night.")
        assert whole == "On a beach, a sailor.\n\nAt night."
        assert presets.own_words(version, given, whole) == "At night."


class TestProblems:
    @pytest.mark.parametrize(
        ("template", "variables", "roles", "sentence"),
        [
            (" ", [], [], "Enter the prompt"),
            ("A {place", [], [], "a single brace"),
            ("A } b", [], [], "a single brace"),
            ("A {place}", [], [], "The prompt contains {place}, which is not a variable"),
            ("A", [{"name": "place"}], [], "“place” is not in the prompt"),
            ("A {Big Place}", [], [], "“{Big Place}” is not a variable"),
            ("A {a.b}", [], [], "is not a variable"),
            ("A {a!r}", [{"name": "a"}], [], "is not a variable"),
            ("A {}", [], [], "is not a variable"),
            ("A {a}", [{"name": "a"}, {"name": "a"}], [], "“a” occurs twice"),
            ("A {a}", [{"name": "a", "kind": "x"}], [], "remove “kind”"),
            ("A", "place", [], "a list like"),
            ("A", [], [{"role": "hero", "least": 1, "most": 2}], "A role must have"),
            ("A", [], [{"role": "logo", "least": 2, "most": 1}], "numbers from 0 to 14"),
            ("A", [], [{"role": "logo", "least": 0, "most": 1}] * 2, "occurs twice"),
        ],
    )
    def test_are_explained(self, template: str, variables: Any, roles: Any, sentence: str) -> None:
        assert any(
            sentence in each
            for each in preset_validation.template_problems(template, variables, roles)
        )


@pytest.mark.django_db
class TestVersions:
    def test_a_change_makes_the_next_and_no_change_none(self) -> None:
        first = make_preset()
        same = {"variables": BLANKS, "roles": ROLES}
        again = presets.save_preset(preset=first.preset, by=None, template=first.template, **same)  # type: ignore[arg-type]
        second = presets.save_preset(
            preset=first.preset,
            by=None,
            template="{who} at {place}",
            **same,  # type: ignore[arg-type]
        )
        assert again == first
        assert second.number == 2
        first.refresh_from_db()
        assert first.template == "On {place}, {who}."
        assert presets.latest_version(first.preset) == second

    def test_a_generation_keeps_the_version_that_it_used(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        first = make_preset()
        asset = make_asset()
        made = submit(
            person=cast.creator,
            brand=cast.acme,
            prompt=presets.fill_prompt(first, {"who": "me"}, "At night."),
            model="sketch",
            aspect_ratio="1:1",
            references=[asset],
            roles={asset.pk: "product"},
            preset_version=first,
            variables={"who": "me"},
        )
        presets.save_preset(preset=first.preset, by=None, template="Other.", variables=[], roles=[])
        run_generation(generation_id=made.pk)
        output = Asset.objects.get(origin="generated")
        assert output.preset == "shore", "search's filter finds it"
        assert output.title == "Shore: At night."
        client = Client()
        client.force_login(cast.creator)
        page = client.get(made.get_absolute_url()).content.decode()
        assert "Shore, version 1" in page
        assert presets.filled_variables(made) == [("Who", "me")]
        assert "Who: me" in page
        found = client.get("/generations/?preset=shore").content.decode()
        assert made.get_absolute_url() in found
        assert made.get_absolute_url() not in client.get("/generations/?preset=x").content.decode()


@pytest.mark.django_db
class TestReferences:
    def test_too_few_or_too_many_are_said(self) -> None:
        version = make_preset()
        assert presets.reference_problems(version, ["product", "style"]) == []
        assert presets.reference_problems(version, ["", "style"]) == [
            "Shore needs 1 to 2 products; 0 chosen."
        ]
        assert presets.reference_problems(version, ["product"] * 3 + ["style"] * 2) == [
            "Shore allows 1 to 2 products; 3 chosen.",
            "Shore allows at most 1 style; 2 chosen.",
        ]

    def test_those_without_a_role_become_what_is_asked_for(self) -> None:
        version = make_preset()
        assert presets.assign_roles(version, ["", "logo", "", "", ""]) == [
            *("product", "logo", "product", "", "")
        ], "what it may do without is nobody's to guess"
        assert presets.assign_roles(version, ["", "product"]) == ["product", "product"]

    def test_nothing_is_sent_without_what_it_needs(self, cast: Cast) -> None:
        version = make_preset()
        with pytest.raises(InvalidRequest) as refused:
            submit(
                person=cast.creator,
                brand=cast.acme,
                prompt="x",
                model="sketch",
                aspect_ratio="1:1",
                preset_version=version,
            )
        assert refused.value.code == "preset_references"
        assert not Generation.objects.exists()


class TestRest:
    def test_they_are_listed_and_asked_with(self, cast: Cast, make_asset: MakeAsset) -> None:
        make_preset(aspect_ratio="4:5", image_size="2K")
        make_preset("theirs", brand=cast.other)
        client, asset = client_of(cast, "creator"), make_asset()
        listed = {row["slug"]: row for row in client.get("/api/v1/presets/").json()["results"]}
        assert "theirs" not in listed
        assert client.get("/api/v1/presets/theirs/").status_code == 404
        assert listed["shore"]["version"]["roles"] == ROLES
        labels = [each["label"] for each in listed["shore"]["version"]["variables"]]
        assert labels == ["Where", "Who"]
        asked = {
            "brand": "acme",
            "model": "sketch",
            "preset": "shore",
            "variables": {"who": "a sailor"},
            "prompt": "At night.",
            "references": [{"asset": asset.pk, "role": "product"}],
        }
        data = client.post("/api/v1/generations/", asked, format="json").json()
        assert (data["preset"], data["preset_version"]) == ("shore", 1)
        assert data["prompt"] == "On a beach, a sailor.\n\nAt night."
        assert data["variables"] == {"place": "a beach", "who": "a sailor"}
        assert data["references"][0]["role"] == "product"
        assert (data["aspect_ratio"], data["image_size"]) == ("4:5", "2K"), "the preset's"
        assert client.get("/api/v1/presets/shore/").json()["used"] == 1
        assert len(client.get("/api/v1/presets/shore/versions/").json()) == 1
        found = client.get("/api/v1/generations/?preset=shore&q=sail").json()["results"]
        assert [row["id"] for row in found] == [data["id"]]

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"preset": "nonsense"}, "unknown_preset"),
            ({"preset": "theirs"}, "unknown_preset"),
            ({"preset_version": 7}, "unknown_preset"),
            ({"variables": {}}, "empty_variable"),
            ({"references": []}, "preset_references"),
            ({"references": [{"asset": 1, "role": "hero"}]}, "invalid"),
            ({"preset": "", "prompt": "x"}, "unknown_variable"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, cast: Cast, make_asset: MakeAsset, wrong: dict[str, Any], code: str
    ) -> None:
        make_preset()
        make_preset("theirs", brand=cast.other)
        asked = {
            "brand": "acme",
            "model": "sketch",
            "preset": "shore",
            "variables": {"who": "me"},
            "references": [{"asset": make_asset().pk, "role": "product"}],
            **wrong,
        }
        answer = client_of(cast, "creator").post("/api/v1/generations/", asked, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, code)


class TestAdmin:
    FORM = {
        "name": "Shore",
        "slug": "shore",
        "description": "",
        "brand": "",
        "position": "5",
        "offered": "on",
        "aspect_ratio": "4:5",
        "image_size": "",
        "variables": "place | Where | a beach\nwho",
        "roles": "product 1 to 2\nstyle 0-1",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }

    @pytest.fixture
    def boss(self, cast: Cast, client: Client) -> Client:
        User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
        client.force_login(cast.staff)
        return client

    def test_a_change_is_a_version_with_its_author(self, boss: Client, cast: Cast) -> None:
        add = "/admin/generation/preset/add/"
        assert boss.post(add, {**self.FORM, "template": "On {place}, {who}."}).status_code == 302
        preset = Preset.objects.get(slug="shore")
        (version,) = preset.versions.all()
        assert (version.variables, version.roles) == (BLANKS, ROLES)
        assert version.created_by == cast.staff
        page = f"/admin/generation/preset/{preset.pk}/change/"
        boss.post(page, {**self.FORM, "template": "On {place}, {who} at night."})
        assert list(preset.versions.values_list("number", flat=True)) == [2, 1]
        shown = boss.get(page).content.decode()
        assert "place | Where | a beach" in shown
        assert "<ins>" in shown
        assert "<del" in shown

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"template": "On {nowhere}."}, "The prompt contains {nowhere}"),
            ({"template": "On {place}, {who}.", "roles": "some products"}, "product 1 to 4"),
            ({"template": "On {place}, {who}.", "variables": "a | b | c | d"}, "name | label"),
            ({"template": "On {place}, {who}.", "aspect_ratio": "4x5"}, "No model offers “4x5”"),
        ],
    )
    def test_mistakes_are_explained(
        self, boss: Client, fields: dict[str, str], sentence: str
    ) -> None:
        answer = boss.post("/admin/generation/preset/add/", {**self.FORM, **fields})
        assert sentence in answer.content.decode()
        assert not Preset.objects.filter(slug="shore").exists()

    def test_one_that_was_used_stays(self, boss: Client, cast: Cast) -> None:
        version = make_preset(roles=[])
        page = f"/admin/generation/preset/{version.preset.pk}/delete/"
        assert boss.get(page).status_code == 200
        Generation.objects.create(
            brand=cast.acme, prompt="x", model="m", aspect_ratio="1:1", preset_version=version
        )
        assert boss.get(page).status_code == 403
