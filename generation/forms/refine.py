"""Form for an edit of an output by an instruction."""

from __future__ import annotations

import uuid

from django import forms

from assetbank import permissions
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH


class RefineForm(forms.Form):
    """Sizes of any model are valid here; `submit_refinement` checks them against the model."""

    words = forms.CharField(max_length=MAX_PROMPT_LENGTH, strip=True)
    image_size = forms.CharField(max_length=10, required=False)
    count = forms.IntegerField(min_value=1, max_value=MAX_PICTURES, required=False)
    with_tray = forms.BooleanField(required=False)

    def key(self, person: permissions.AnyUser, output: int) -> uuid.UUID | None:
        """Return the idempotency key of a valid form: equal for two posts of one page with the same
        values; None without a token."""
        if not (token := str(self.data.get("token", ""))):
            return None
        values = [person.pk, output, token, *self.cleaned_data.values()]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr(values))
