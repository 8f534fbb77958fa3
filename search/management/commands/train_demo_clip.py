"""`manage.py train_demo_clip`: train the bundled demo encoder again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Draw the training pictures, train the demo encoder on them, save and evaluate it. "
        "About an hour on two cores; started again, it goes on where it stopped."
    )
    requires_system_checks: list[str] = []  # needs neither database nor Milvus

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--out",
            type=Path,
            default=Path(settings.DATA_DIR) / "demo_clip",
            help="folder for the pictures, the state of the training and the checkpoint",
        )
        parser.add_argument("--steps", type=int, default=2600)
        parser.add_argument("--pictures", type=int, default=56_000)
        parser.add_argument("--gallery", type=int, default=500, help="pictures to evaluate with")
        parser.add_argument(
            "--measure",
            action="store_true",
            help="Train nothing: measure what the scores of the bundled encoder mean, anew.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["measure"]:
            self._measure()
            return
        # Torch takes seconds to import, and manage.py imports every command for its help
        from search.encoders.demo.drawings import training_set
        from search.encoders.demo.evaluation import evaluate
        from search.encoders.demo.tokenizer import train_tokenizer
        from search.encoders.demo.training import Recipe, export, train

        out: Path = options["out"]
        if min(options["steps"], options["pictures"], options["gallery"]) < 1:
            raise CommandError("--steps, --pictures and --gallery must be at least 1.")
        drawings = training_set(out / "pictures", options["pictures"], self._progress)
        if not (out / "tokenizer" / "tokenizer.json").is_file():
            self._progress("learning the tokenizer")
            train_tokenizer(out / "tokenizer")
        recipe = Recipe(steps=options["steps"])
        trainee = train(drawings, out / "tokenizer", out, recipe, self._progress)
        export(trainee, out / "tokenizer", out / "checkpoint")
        self._progress("evaluating")
        for score in evaluate(out / "checkpoint", options["gallery"]):
            self.stdout.write(str(score))
        self.stdout.write(
            f"Saved in {out / 'checkpoint'}. To use it, set CLIP_MODEL to this folder, or copy it "
            "over search/encoders/demo/checkpoint and run this again with --measure."
        )

    def _measure(self) -> None:
        from search.encoders import DEMO_FOLDER, checkpoints
        from search.indexing import space_encoders

        folder = DEMO_FOLDER
        saved = {
            "fingerprint": checkpoints.fingerprint(folder),
            "background": space_encoders.recalibrate(str(folder)),
        }
        space_encoders.DEMO_BACKGROUND.write_text(json.dumps(saved) + "\n")
        self.stdout.write(f"Saved in {space_encoders.DEMO_BACKGROUND}.")

    def _progress(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
