"""What is asked for when a picture is gone on from in words."""

from __future__ import annotations

import uuid

from django import forms

from assetbank import permissions
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH


class RefineForm(forms.Form):
    """Sizes of any model are accepted here; `refining.request` knows the right ones."""

    words = forms.CharField(max_length=MAX_PROMPT_LENGTH, strip=True)
    image_size = forms.CharField(max_length=10, required=False)
    count = forms.IntegerField(min_value=1, max_value=MAX_PICTURES, required=False)
    with_tray = forms.BooleanField(required=False)

    def key(self, person: permissions.AnyUser, output: int) -> uuid.UUID | None:
        """The same for two posts of one page that ask for the same. Of a valid form."""
        if not (token := str(self.data.get("token", ""))):
            return None
        asked = [person.pk, output, token, *self.cleaned_data.values()]
        return uuid.uuid5(uuid.NAMESPACE_OID, repr(asked))
