"""README says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_settings_table_lists_every_setting_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \|[^|]*\| (.+) \|$", README, re.MULTILINE))
    assert rows == {setting.name: setting.help for setting in settings.DECLARED_SETTINGS}


def test_the_map_names_files_that_are_there() -> None:
    section = README.split("## Map")[1].split("**generation")[0]
    names = re.findall(r"^ {6}((?:[\w.]+/?(?:, )?)+)", section, re.MULTILINE)
    folder = None
    for line in section.splitlines():
        if top := re.match(r" {4}(\w+/)", line):
            folder = ROOT / top[1]
        elif inside := re.match(r" {6}([\w./, ]+?)\s{2,}", line):
            assert folder
            for name in inside[1].split(", "):
                assert (folder / name).exists(), name
    assert names


def test_the_commands_it_names_exist() -> None:
    commands = set(re.findall(r"\| `(\w+)[^`]*` \|", README)) - {"GET"}
    there = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    assert commands - set(re.findall(r"^\| `([A-Z_]+)`", README, re.MULTILINE)) <= there
