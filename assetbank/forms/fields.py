"""Form fields: files, and times on the clock of a place."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.dateparse import parse_datetime

MAX_OFFSET = 15 * 60  # minutes


class ClockField(forms.Field):
    """A date and time as a clock shows it, without a time zone; None when empty."""

    widget = forms.DateTimeInput({"type": "datetime-local", "step": "any"})

    def clean(self, value: Any) -> datetime.datetime | None:
        try:
            moment = parse_datetime(str(value or "").strip()) if value else None
        except ValueError:
            moment = None
        if value and moment is None:
            raise forms.ValidationError("Enter a date and a time.")
        return moment.replace(tzinfo=None) if moment else None


class OffsetField(forms.CharField):
    """An offset from UTC such as +01:00, as minutes; None when empty."""

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).strip()
        if not text:
            return None
        match = re.fullmatch(r"([+\u2212-])?([0-9]{1,2}):?([0-5][0-9])?", text)
        if match is None:
            raise forms.ValidationError("Write the offset from UTC as +01:00.")
        minutes = 60 * int(match[2]) + int(match[3] or 0)
        if minutes > MAX_OFFSET:
            raise forms.ValidationError("No place is more than 15 hours from UTC.")
        return minutes if match[1] in (None, "+") else -minutes


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; empty ones are valid here, since ingest reports them better."""

    widget = FilesInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        files = data if isinstance(data, list) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]
