"""`manage.py switch_encoder`: roll out another encoder without downtime."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from assetbank import health
from assetbank.errors import ProblemError
from search.encoders import EncoderError
from search.evaluation import RolloutRefused, rollout
from search.indexing import pipeline
from search.models import VectorSpace
from search.templatetags.saved_searches import query_summary
from search.vectorstore import VectorStoreUnavailable

WAIT_SECONDS = 1.0  # between checks of the workers' progress


class Command(BaseCommand):
    help = (
        "Build the index of another encoder beside the one in use, compare both on the golden "
        "questions, and let the new one take over. Ctrl-C stops watching (with --work: building); "
        "the same command goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", nargs="?", default="", help="A folder, a hub id, or demo.")
        parser.add_argument("--work", action="store_true", help="Index here; needs no worker.")
        parser.add_argument("--force", action="store_true", help="Whatever the comparison says.")
        parser.add_argument("--status", action="store_true", help="What there is, and how far.")
        parser.add_argument("--rollback", action="store_true", help="The encoder of before again.")
        parser.add_argument(
            "--drop", nargs="?", const="", metavar="MODEL", help="Forget one that is not in use."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["status"]:
                self._status()
            elif options["rollback"]:
                self.stdout.write(f"{rollout.rollback().model} is in use again.")
            elif options["drop"] is not None:
                space = rollout.space_of_model(options["drop"])
                rollout.drop_space(space)
                self.stdout.write(f"{space.model} is forgotten.")
            else:
                self._switch(options["model"], work=options["work"], force=options["force"])
        except ProblemError as error:
            raise CommandError(error.message) from error
        except (RolloutRefused, VectorStoreUnavailable, EncoderError) as error:
            raise CommandError(str(error)) from error
        except VectorSpace.DoesNotExist:
            raise CommandError("It was dropped meanwhile.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped; the same command goes on.") from None

    def _switch(self, model: str, *, work: bool, force: bool) -> None:
        space = rollout.start_rollout(model)
        if not work and not health.workers().ok:
            raise CommandError("No index worker runs: start one, or index here with --work.")
        self._watch(space, work=work)
        if not space.active:  # a worker may have activated it already
            gate = rollout.run_gate(space)
            self._show(gate)
            if not gate["passes"] and not force:
                raise CommandError(
                    f"{' '.join(gate['why'])} {space.model} does not take over; --force overrules."
                )
            rollout.activate_space(space)
        self.stdout.write(
            f"{space.model} is in use now. Set CLIP_MODEL={space.model}, so that it is what this "
            "installation asks for; --rollback goes back, --drop forgets the other one."
        )

    def _watch(self, space: VectorSpace, *, work: bool) -> None:
        with tqdm(desc="Indexed", unit="asset", file=sys.stdout, ncols=80) as bar:

            def show(done: int = 0) -> None:
                state = rollout.progress(space)
                bar.total = state.total
                bar.update(state.done - bar.n)

            while True:
                done = pipeline.index_pending(after_batch=show) if work else 0
                space.refresh_from_db()
                show()
                if space.problem:
                    raise CommandError(space.problem)
                if rollout.is_built(space):
                    return
                if not done:  # workers hold the remaining rows
                    time.sleep(WAIT_SECONDS)

    def _show(self, gate: dict[str, Any]) -> None:
        self.stdout.write(f"{'':40}{'now':>10}{'new':>10}")
        if gate["questions"]:
            for name, measure in (("nDCG@10", "ndcg"), ("Recall@10", "recall"), ("MRR", "mrr")):
                old, new = gate["old"][measure], gate["new"][measure]
                self.stdout.write(f"{name:40}{old:10.3f}{new:10.3f}")
            for old, new in zip(gate["old"]["rows"], gate["new"]["rows"], strict=False):
                name = f"  {new['brand']}: {query_summary(new['question'])}"
                self.stdout.write(f"{name[:40]:40}{old['ndcg']:10.3f}{new['ndcg']:10.3f}")
        self.stdout.write(f"{'Coverage':40}{gate['of']:10}{gate['covered']:10}")
        for lost in gate["lacking"]:
            reason = lost["reason"] or lost["state"]
            self.stdout.write(f"  asset {lost['asset_id']}, {lost['asset__title']}: {reason}")
        for note in gate["notes"]:
            self.stdout.write(note)

    def _status(self) -> None:
        for space in VectorSpace.objects.order_by("-active", "pk"):
            state = str(rollout.progress(space)) if space.fingerprint else "not loaded"
            if space.active:
                state = "in use"
            if not space.active and space.activated_at:
                state += ", was in use before"
            self.stdout.write(f"{space.model}: {state}. {space.problem}".strip())
            for why in space.gate.get("why", []) if not space.active else []:
                self.stdout.write(f"  Does not take over: {why}")
