"""Validation of a version of a preset: its prompt, its variables and its roles."""

from __future__ import annotations

import re
from collections import Counter
from string import Formatter
from typing import Any

from generation.models import Role

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # of a variable
MAX_TEMPLATE_LENGTH = 6_000  # characters
MAX_VALUE_LENGTH = 500  # characters of a variable's value
MAX_REFERENCES = 14  # the maximum that any model accepts


def template_problems(template: str, variables: Any, roles: Any) -> list[str]:
    """Return sentences about what is wrong with the prompt, variables and roles of a version of a
    preset; [] if it can be filled."""
    if not template.strip():
        return ["Enter the prompt."]
    if len(template) > MAX_TEMPLATE_LENGTH:
        return [
            f"The prompt of a preset has more than {MAX_TEMPLATE_LENGTH} characters. Shorten it."
        ]
    found = _variable_problems(variables) + _role_problems(roles)
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        alone = (
            "The prompt contains a single brace. Write a variable as {like_this} and a "
            "literal brace "
        )
        return [*found, alone + "twice: {{ or }}."]
    blanks = []
    for _, name, spec, conversion in parsed:
        if name is None:
            continue
        if spec or conversion or not NAME.fullmatch(name):
            found.append(
                f"“{{{name}}}” is not a variable: use lower-case letters, digits and _ "
                "only, beginning with a letter."
            )
        else:
            blanks.append(name)
    return found if found else _mismatches(blanks, [each["name"] for each in variables])


def _mismatches(blanks: list[str], names: list[str]) -> list[str]:
    unknown = [name for name in dict.fromkeys(blanks) if name not in names]
    unused = [name for name in names if name not in blanks]
    return [
        f"The prompt contains {{{name}}}, which is not a variable: add it." for name in unknown
    ] + [
        f"The variable “{name}” is not in the prompt: write {{{name}}} where it belongs, or "
        "remove the variable."
        for name in unused
    ]


def _variable_problems(variables: Any) -> list[str]:
    if not isinstance(variables, list) or not all(isinstance(each, dict) for each in variables):
        return ['The variables must be a list like [{"name": "place", "default": "a beach"}].']
    found = []
    for each in variables:
        if not NAME.fullmatch(str(each.get("name", ""))):
            found.append(
                f"“{each.get('name', '')}” is not a valid variable name: use the form a_name."
            )
        if extra := sorted(each.keys() - {"name", "label", "default"}):
            found.append(f"A variable has a name, a label and a default: remove “{extra[0]}”.")
        if not all(
            isinstance(value, str) and len(value) <= MAX_VALUE_LENGTH for value in each.values()
        ):
            found.append(
                f"The values of a variable must be text of at most {MAX_VALUE_LENGTH} characters."
            )
    twice = [name for name, n in Counter(each.get("name") for each in variables).items() if n > 1]
    return found + [f"The variable “{name}” occurs twice. Remove one." for name in twice]


def _role_problems(roles: Any) -> list[str]:
    if not isinstance(roles, list) or not all(isinstance(each, dict) for each in roles):
        return ['The roles must be a list like [{"role": "product", "least": 1, "most": 4}].']
    found = []
    for each in roles:
        least, most = each.get("least"), each.get("most")
        if each.keys() != {"role", "least", "most"} or each["role"] not in Role.values:
            names = ", ".join(Role.values)
            found.append(f"A role must have “role” (one of {names}), “least” and “most”.")
        elif not (
            type(least) is int
            and type(most) is int
            and 0 <= least <= most <= MAX_REFERENCES
            and most
        ):
            found.append(
                f"{each['role']}: the minimum and maximum must be numbers from 0 to "
                f"{MAX_REFERENCES}."
            )
    if not found and sum(each["least"] for each in roles) > MAX_REFERENCES:
        found.append(f"No model accepts more than {MAX_REFERENCES} references.")
    twice = [role for role, n in Counter(each.get("role") for each in roles).items() if n > 1]
    return found + [f"The role “{role}” occurs twice. Remove one." for role in twice]
