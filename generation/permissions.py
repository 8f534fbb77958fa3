"""What a person may see of the studio: creators and managers all that was asked for their brand;
viewers only what made a picture that they see, for how that was made stands in its record."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from assetbank import permissions
from generation.models import Batch, Generation, Output


def generations(person: permissions.AnyUser) -> QuerySet[Generation]:
    made = Output.objects.filter(generation=OuterRef("pk"), asset__in=permissions.assets(person))
    return Generation.objects.filter(
        _whole(person) | Exists(made), brand__in=permissions.brands(person)
    )


def batches(person: permissions.AnyUser) -> QuerySet[Batch]:
    cells = generations(person).filter(batch=OuterRef("pk"))
    return Batch.objects.filter(
        _whole(person) | Exists(cells), brand__in=permissions.brands(person)
    )


def _whole(person: permissions.AnyUser) -> Q:
    return Q(brand__in=permissions.brands(person, *permissions.EDITORS))
