"""Takes: the answers that a generation asks an engine for, and what became of each."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import models
from django.db.models import Q


class Take(models.Model):
    """One answer of an engine: a generation asks for `count` of them, numbered from 0.

    A number without a row has not been asked for. `generation.takes` makes every step between the
    states, which are::

        (no row) ──► asked ──┬──► answered    pictures came
            ▲          │     ├──► refused     the engine answered without a picture
            └──────────┘     ├──► lost        the call failed, and may have been billed
         nothing was drawn   └──► abandoned   its worker ended, and the call may have been billed

        lost, abandoned ──► refused, answered     the answer came after all
        refused ──► answered                      two workers asked, and one of them got pictures

    Where an engine sends no bill, nothing is recorded before its answer.

    Whatever is not `asked` is final unless a user has another one asked for in its place: then it
    keeps its state, its record and its cost, `replaced` is true, and the generation asks for one
    more number. Takes that are lost, abandoned, or answered with pictures that nobody can read are
    replaced.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked for"
        ANSWERED = "answered", "Answered"
        REFUSED = "refused", "Refused"
        LOST = "lost", "Lost"
        ABANDONED = "abandoned", "Abandoned"

    NEXT = {
        State.ASKED: {State.ANSWERED, State.REFUSED, State.LOST, State.ABANDONED},
        State.LOST: {State.ANSWERED, State.REFUSED},
        State.ABANDONED: {State.ANSWERED, State.REFUSED},
        State.REFUSED: {State.ANSWERED},
        State.ANSWERED: set[State](),
    }
    UNHEARD = (State.LOST, State.ABANDONED)

    generation = models.ForeignKey("Generation", on_delete=models.CASCADE, related_name="takes")
    number = models.PositiveSmallIntegerField(help_text="From 0.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    replaced = models.BooleanField(
        default=False, help_text="A user had another one asked for in its place."
    )
    code = models.CharField(
        max_length=60, blank=True, help_text="Why there is no picture, for programs."
    )
    reason = models.TextField(blank=True, help_text="Why there is no picture, in a sentence.")
    whole_prompt = models.BooleanField(
        default=False, help_text="The prompt was refused: no other take would be answered."
    )
    text = models.TextField(blank=True, help_text="What the model wrote with its pictures.")
    usage: models.JSONField[Any, dict[str, Any]] = models.JSONField(
        default=dict, blank=True, help_text="What the engine counted, by its own names."
    )
    model_version = models.TextField(blank=True, help_text="As the engine names it.")
    response_id = models.TextField(blank=True, help_text="As the engine names it.")
    asked_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True, help_text="Empty where that was not recorded before the answer."
    )
    ended_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True, help_text="When its state was recorded."
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "number"], name="one_take_per_number"),
            models.CheckConstraint(
                condition=Q(replaced=False) | ~Q(state="asked"), name="only_ended_is_replaced"
            ),
            models.CheckConstraint(
                condition=Q(whole_prompt=False) | Q(state="refused"),
                name="only_refusals_are_of_the_prompt",
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.number + 1} of generation {self.generation_id}"

    @property
    def ended(self) -> bool:
        """Whether it is known what became of it."""
        return self.state != self.State.ASKED

    @property
    def unheard(self) -> bool:
        """Whether it may have been billed, and nobody has heard of it."""
        return self.state in self.UNHEARD

    def may_become(self, state: State) -> bool:
        return state in self.NEXT[self.State(self.state)]
