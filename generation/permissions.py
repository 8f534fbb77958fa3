"""Permissions in the studio: creators and managers may view all requests of their brands; viewers
only those that produced an asset they may view, because its record describes them."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from assetbank import permissions
from generation.models import Batch, Generation, Output


def generations(person: permissions.AnyUser) -> QuerySet[Generation]:
    """Return the generations that a user may view."""
    visible_outputs = Output.objects.filter(
        generation=OuterRef("pk"), asset__in=permissions.assets(person)
    )
    return Generation.objects.filter(
        _may_edit(person) | Exists(visible_outputs), brand__in=permissions.brands(person)
    )


def batches(person: permissions.AnyUser) -> QuerySet[Batch]:
    """Return the batches of which a user may view at least one generation."""
    visible_generations = generations(person).filter(batch=OuterRef("pk"))
    return Batch.objects.filter(
        _may_edit(person) | Exists(visible_generations), brand__in=permissions.brands(person)
    )


def _may_edit(person: permissions.AnyUser) -> Q:
    """Return a filter for rows of the brands in which a user may edit."""
    return Q(brand__in=permissions.brands(person, *permissions.EDITORS))
