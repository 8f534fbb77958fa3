"""Takes: the answers that a generation requests from an engine, and their outcomes."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import models
from django.db.models import Q


class Take(models.Model):
    """One answer of an engine: a generation requests `count` of them, numbered from 0.

    A number without a row has not been requested. `generation.pipeline.takes` makes every step
    between the states, which are::

        (no row) ──► asked ──┬──► answered    images arrived
            ▲          │     ├──► refused     the engine answered without an image
            └──────────┘     ├──► lost        the call failed, and may have been billed
         nothing was drawn   └──► abandoned   its worker ended, and the call may have been billed

        lost, abandoned ──► refused, answered     the answer arrived after all
        refused ──► answered                      two workers called, and one of them got images

    For an engine that does not bill, nothing is recorded before its answer.

    Every state but `asked` is final unless a user requests another take in its place: then the take
    keeps its state, its record and its cost, `replaced` is true, and the generation requests one
    more number. Takes that are lost, abandoned, or answered with unreadable images can be replaced.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked for"
        ANSWERED = "answered", "Answered"
        REFUSED = "refused", "Refused"
        LOST = "lost", "Lost"
        ABANDONED = "abandoned", "Abandoned"

    NEXT = {  # States that may follow each state
        State.ASKED: {State.ANSWERED, State.REFUSED, State.LOST, State.ABANDONED},
        State.LOST: {State.ANSWERED, State.REFUSED},
        State.ABANDONED: {State.ANSWERED, State.REFUSED},
        State.REFUSED: {State.ANSWERED},
        State.ANSWERED: set[State](),
    }
    UNHEARD = (State.LOST, State.ABANDONED)  # No answer arrived, but it may have been billed

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
        """True if the outcome of the take is known."""
        return self.state != self.State.ASKED

    @property
    def unheard(self) -> bool:
        """True if no answer of the engine arrived, although it may have been billed."""
        return self.state in self.UNHEARD

    def may_become(self, state: State) -> bool:
        """Return True if `state` may follow the take's present state."""
        return state in self.NEXT[self.State(self.state)]
