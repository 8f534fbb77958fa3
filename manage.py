#!/usr/bin/env python
"""Django's command line for Assetbank."""

import os
import sys


def main() -> None:
    """Run a management command; explain a missing package in a sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assetbank.settings")
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"assetbank", "search", "generation"}:
            raise
        raise SystemExit(
            f"The package {error.name} is missing. `make run` installs what is needed into .venv; "
            "run this with .venv/bin/python."
        ) from error


if __name__ == "__main__":
    main()
