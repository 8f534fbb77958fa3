"""Relevance metrics, compared with values computed by hand; and `evaluate_search`."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset
from search.evaluation import metrics
from search.models import GoldenQuestion, VectorSpace
from search.query import SearchQuery, like_asset
from search.saved import golden
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


class TestMeasures:
    FOUND = [7, 3, 9, 1, 5]

    @pytest.mark.parametrize(
        ("k", "expected", "recall"),
        [
            (5, {3, 9}, 1.0),
            (5, {3, 8}, 0.5),
            (2, {7, 3, 9}, 1.0),  # three cannot be among the first two
            (2, {3, 9, 1}, 0.5),
            (5, {4}, 0.0),
            (5, set(), 0.0),
        ],
    )
    def test_recall(self, k: int, expected: set[int], recall: float) -> None:
        assert metrics.recall_at(k, self.FOUND, expected) == recall

    @pytest.mark.parametrize(("expected", "rank"), [({7}, 1), ({9, 5}, 1 / 3), ({4}, 0)])
    def test_reciprocal_rank(self, expected: set[int], rank: float) -> None:
        assert metrics.reciprocal_rank(self.FOUND, expected) == pytest.approx(rank)

    @pytest.mark.parametrize(
        ("k", "expected", "ndcg"),
        [
            (5, {7}, 1.0),
            (5, {7, 3}, 1.0),
            (5, {3}, 1 / math.log2(3)),  # second place: 0.6309
            (5, {3, 1}, (0.63093 + 0.43068) / (1 + 0.63093)),  # places 2 and 4, best 1 and 2
            (3, {1}, 0.0),
            (1, {7, 3, 9}, 1.0),
            (5, set(), 0.0),
        ],
    )
    def test_ndcg(self, k: int, expected: set[int], ndcg: float) -> None:
        assert metrics.ndcg_at(k, self.FOUND, expected) == pytest.approx(ndcg, abs=1e-4)

    def test_means_median_and_slowest(self) -> None:
        rows: list[dict[str, Any]] = [
            {"recall": n / 20, "mrr": 1.0, "ndcg": 0.0, "ms": float(n)} for n in range(1, 21)
        ]
        result = metrics.mean_metrics(rows)
        assert (result.questions, result.recall, result.mrr, result.ndcg) == (20, 0.525, 1, 0)
        assert (result.p50_ms, result.p95_ms) == (10.5, 19.0)
        assert metrics.mean_metrics([]).recall == 0


@pytest.fixture
def capes(make_asset: MakeAsset, index: Index) -> list[Asset]:
    capes = [make_asset(title=f"Zephyr cape {n}", filename=f"cape-{n}.png") for n in range(3)]
    make_asset(title="Teapot")
    index()
    return capes


class TestGolden:
    def test_they_are_asked_within_their_brand(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        def teapot(seed: int) -> bytes:
            data = io.BytesIO()
            render(Spec("teapot", "red", seed=seed), 128).save(data, "PNG")
            return data.getvalue()

        theirs = [make_asset(file=teapot(n), title="Ours", brand=cast.other) for n in range(10)]
        own = make_asset(title="Ours")  # less similar to a teapot than the others
        index()
        question = SearchQuery(text="teapot")
        golden.add_golden_query(brand=cast.acme, question=question, expected=[own], by=cast.manager)
        golden.add_golden_query(
            brand=cast.other, question=question, expected=theirs, by=cast.outsider
        )
        (result,) = metrics.evaluate_golden_queries(VectorSpace.objects.get(active=True))
        assert [(row["brand"], row["recall"], row["mrr"]) for row in result.rows] == [
            ("Acme", 1.0, 1.0),
            ("Other", 1.0, 1.0),
        ]

    def test_one_that_cannot_be_asked_says_why_and_the_rest_is_measured(
        self, cast: Cast, capes: list[Asset], make_asset: MakeAsset
    ) -> None:
        space = VectorSpace.objects.get(active=True)
        waiting = make_asset(title="Not indexed")
        for question in (SearchQuery(text="zephyr"), SearchQuery(shown=(like_asset(waiting),))):
            golden.add_golden_query(
                brand=cast.acme, question=question, expected=capes, by=cast.manager
            )
        gone = SearchQuery(text="zephyr", shown=(like_asset(make_asset()),))
        broken = golden.add_golden_query(
            brand=cast.acme, question=gone, expected=capes, by=cast.manager
        )
        GoldenQuestion.objects.filter(pk=broken.pk).update(question="q=x&like=999999999")
        result = metrics.measure_golden_queries(GoldenQuestion.objects.all(), space=space)
        assert (result.questions, result.recall) == (1, 1.0)
        fine, unindexed, lost = GoldenQuestion.objects.order_by("pk")
        assert fine.measured["encoder"] == space.model
        assert "not indexed yet" in unindexed.measured["problem"]
        assert "not here (any more)" in lost.measured["problem"]


class TestCommand:
    def run(self, file: Path, *args: str) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        call_command("evaluate_search", str(file), *args, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_json_lines_by_id_and_file_name(self, capes: list[Asset], tmp_path: Path) -> None:
        file, out = tmp_path / "questions.jsonl", tmp_path / "result.json"
        lines = [
            {"question": "zephyr cape", "expected": [capes[0].pk, "cape-1.png", "cape-2.png"]},
            {"question": "q=zephyr&kind=product", "expected": str(capes[0].pk)},
        ]
        file.write_text("\n".join(json.dumps(line) for line in lines))
        table, left_out = self.run(file, "--json", str(out), "--brand", "acme")
        assert not left_out
        result = json.loads(out.read_text())
        assert [row["recall"] for row in result["rows"]] == [1.0, 1.0]
        assert result["questions"] == 2
        assert result["k"] == 10
        assert result["rows"][0]["ndcg"] == 1.0
        assert "q=zephyr&kind=product" in table
        assert table.splitlines()[-2].split()[:1] == ["1.000"]
        assert "p95" in table

    def test_bad_lines_are_named_and_stop_nothing(self, capes: list[Asset], tmp_path: Path) -> None:
        file, out = tmp_path / "questions.csv", tmp_path / "result.json"
        file.write_text(
            "question,expected,remark\n"
            f"zephyr,{capes[0].pk}; cape-1.png,good\n"
            "zephyr,nobody.png\n"
            ",1\n"
            "zephyr,\n"
            "kind=nonsense&q=x,1\n"
        )
        table, left_out = self.run(file, "--k", "1", "--json", str(out))
        assert "recall@1" in table
        said = left_out.splitlines()
        assert len(said) == 4
        assert said[0] == "line 3 is left out: There is no asset “nobody.png”."
        assert said[3].startswith("line 6 is left out: ")
        assert [each["line"] for each in json.loads(out.read_text())["left_out"]] == [3, 4, 5, 6]

    def test_characters_that_no_file_name_has_break_nothing(
        self, make_asset: MakeAsset, index: Index, tmp_path: Path
    ) -> None:
        make_asset(filename="größe.png")
        index()
        file = tmp_path / "questions.jsonl"
        names = [["gro\u0308ße.png"], ["\0"], ["\ud800.png"]]  # as macOS writes it; nonsense
        lines = [{"question": "red\n\x1b[31m\0", "expected": each} for each in names]
        file.write_text("\n".join(json.dumps(line) for line in lines))
        table, left_out = self.run(file)
        assert table.splitlines()[1].endswith("  red [31m")
        assert [line[:21] for line in left_out.splitlines()] == [
            "line 2 is left out: N",
            "line 3 is left out: T",
        ]

    @pytest.mark.parametrize(
        "text", ["", "question\nx\n", "{nonsense\n", '{"question": 1, "expected": [1]}', "[1]"]
    )
    def test_nothing_that_could_be_asked_is_a_failure(
        self, text: str, capes: list[Asset], tmp_path: Path
    ) -> None:
        file = tmp_path / "questions"
        file.write_text(text)
        with pytest.raises(CommandError, match="Nothing could be asked"):
            self.run(file)

    def test_what_is_not_there_is_named(self, capes: list[Asset], tmp_path: Path) -> None:
        file = tmp_path / "questions.csv"
        file.write_text("question,expected\nzephyr,1\n")
        for args, sentence in (
            (["--brand", "nobody"], "Brands: acme, other"),
            (["--space", "nothing"], "There is no vector space of nothing"),
            (["--k", "0"], "number from 1"),
        ):
            with pytest.raises(CommandError, match=sentence):
                self.run(file, *args)
        with pytest.raises(CommandError, match=r"missing.csv cannot be read: No such file"):
            self.run(tmp_path / "missing.csv")
        file.write_text("question,expected\n" + "x" * 200_000 + ",1\n")
        with pytest.raises(CommandError, match="cannot be read: field larger"):
            self.run(file)

    def test_search_that_is_down_is_said_once(
        self, capes: list[Asset], tmp_path: Path, milvus_down: None
    ) -> None:
        file = tmp_path / "questions.csv"
        file.write_text("question,expected\n" + "zephyr,cape-0.png\n" * 20)
        with pytest.raises(CommandError, match="Search is down"):
            self.run(file)
