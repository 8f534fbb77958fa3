"""Generations in every state that they can end in, and what people did with the pictures."""

from __future__ import annotations

from typing import Any

from generation.matrix import Matrix

from assetbank import intake
from assetbank.errors import FileMissing
from assetbank.models import Asset
from generation import (
    already,
    batches,
    bulk,
    choosing,
    inspection,
    ladder,
    presets,
    refining,
    sketch,
    studio,
)
from generation.models import Batch, BatchJob, Generation, Output, Preset
from tests.gemini_server import GeminiServer
from tests.upgrade.make_library.library import Made, work

MODEL = "gemini-nano-banana-2.1"


def ask(made: Made, prompt: str, **fields: Any) -> Generation:
    given = {"model": MODEL, "aspect_ratio": "1:1", "image_size": "1K", **fields}
    return studio.request(
        person=given.pop("person", made.creative), brand=made.brand, prompt=prompt, **given
    )


def outputs(generation: Generation) -> list[Output]:
    return list(Output.objects.filter(generation=generation))


def make(made: Made, gemini: GeminiServer) -> None:
    sketch.LONG_SIDES.update({size: side // 4 for size, side in sketch.LONG_SIDES.items()})
    first = _singles(made, gemini)
    _conversation(made, first)
    _batches(made)
    _judgements(made, first)
    work("index", "house")
    inspection.inspect_waiting()


def _singles(made: Made, gemini: GeminiServer) -> Generation:
    """One of each ending; returns the plain success."""
    bag, coat, source, lifted = made.free[3], made.free[4], made.free[8], made.free[9]
    ask(made, "A sketch of both", model="sketch", references=[bag, coat], count=2)
    pack_shot = presets.choose(made.creative, made.brand, "pack-shot")
    first = ask(
        made,
        "Seen from above",
        references=[bag, coat],
        roles={bag.pk: "product", coat.pk: "style"},
        preset_version=pack_shot,
        count=2,
    )
    own = Preset.objects.get(slug="own-plinth").versions.get(number=1)
    values = {"product": "The bag"}
    ask(
        made,
        presets.prompt(own, values, "Warm."),
        references=[bag],
        roles={bag.pk: "product"},
        preset_version=own,
        variables=presets.values(own, values),
        person=made.mona,
    )
    ask(made, "Several at once [scenario:several_images]")
    ask(made, "With thoughts [scenario:thought_drafts]")
    ask(made, "Of what was withdrawn", references=[source])
    ask(made, "Of what was withdrawn and given back", references=[lifted])
    ask(made, "Of what was deleted", references=[made.free[11], coat])
    ask(made, "Forbidden [scenario:refuse_prompt]", count=2)
    ask(made, "Unsafe [scenario:refuse_picture]")
    ask(made, "Not to be read [scenario:truncated_image]")
    ask(made, "Without a place [scenario:location]")
    ask(made, "Lost on the way [scenario:dropped]")
    stopped = ask(made, "Stopped before it began")
    studio.cancel(person=made.creative, generation=stopped)
    work("generate")
    for prompt, script in (
        ("In part refused", ("success", "refuse_picture", "success")),
        ("In part lost", ("success", "half_body")),
    ):
        gemini.script(*script)
        ask(made, prompt, count=len(script))
        work("generate")
    gemini.script("dropped")
    again = ask(made, "Lost and asked for again", count=2)
    work("generate")
    studio.retry(person=made.creative, generation=again)
    work("generate")
    _not_stored(made)
    return first


def _not_stored(made: Made) -> None:
    """It arrived, and the files could not be written: the bytes wait in the row."""
    kept = intake.store

    def refuse(**_: Any) -> Any:
        raise FileMissing("The storage did not take the file.")

    intake.store = refuse
    try:
        ask(made, "Arrived and not stored yet")
        work("generate")
    finally:
        intake.store = kept


def _conversation(made: Made, first: Generation) -> None:
    output = outputs(first)[0]
    for words in ("Swap the strap", "Now at night", "And with snow"):
        turn = refining.request(person=made.creative, output=output, words=words)
        work("generate")
        (output,) = outputs(turn)
    hat = made.free[13]
    branch = refining.request(
        person=made.mona,
        output=outputs(first)[0],
        words="Put this hat beside it",
        references=[hat],
        roles={hat.pk: "outfit"},
    )
    work("generate")
    ladder.finalise(person=made.creative, output=outputs(first)[1], image_size="2K")
    ladder.finalise(person=made.mona, output=outputs(branch)[0], image_size="2K")
    work("generate")


def _batches(made: Made) -> None:
    person, brand = made.creative, made.brand
    given: dict[str, Any] = {"person": person, "brand": brand, "aspect_ratio": "1:1"}
    drawn = batches.request(
        matrix=Matrix("A {colour} cape", variable="colour", values=["red", "blue", "green"]),
        model="sketch",
        image_size="1K",
        **given,
    )
    last = drawn.generations.order_by("pk").last()
    assert last
    studio.cancel(person=person, generation=last)
    batches.request(
        matrix=Matrix("On the desk", base=[made.free[14]], products=made.free[15:18]),
        model=MODEL,
        **given,
    )
    in_bulk = batches.request(
        matrix=Matrix("On a plinth", base=[made.free[18]], products=made.free[19:21]),
        model=MODEL,
        in_bulk=True,
        **given,
    )
    work("generate")
    for job in BatchJob.objects.filter(batch=in_bulk):
        bulk.follow_now(job)
    work("generate")
    assert set(in_bulk.generations.values_list("state", flat=True)) == {"succeeded"}
    stopped = batches.request(
        matrix=Matrix("On a stair", variable="", products=made.free[21:23]),
        model=MODEL,
        in_bulk=True,
        **given,
    )
    batches.stop(person=person, batch=stopped)
    work("generate")


def _judgements(made: Made, first: Generation) -> None:
    kept, rejected = outputs(first)
    choosing.keep(person=made.creative, output=kept)
    choosing.reject(person=made.mona, output=rejected, reason="Product wrong")
    cells = Output.objects.filter(generation__batch=Batch.objects.get(title="On the desk"))
    for output in cells[:2]:
        choosing.keep(person=made.creative, output=output)
    choosing.reject(person=made.creative, output=cells[2], reason="Off brand")
    wanted = already.Wanted(made.brand, "Seen from above", "1:1")
    picture = Asset.objects.get(pk=kept.asset_id)
    already.take(person=made.creative, wanted=wanted, asset=picture, model=MODEL, image_size="1K")
    deleted = Generation.objects.get(prompt__startswith="Several at once")
    intake.remove(asset=Asset.objects.get(pk=outputs(deleted)[1].asset_id))
