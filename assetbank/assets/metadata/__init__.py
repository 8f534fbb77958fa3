"""Metadata of an asset that its file can carry: titles."""

from assetbank.assets.metadata.titles import MACHINE_NAME, is_machine_name, says_nothing, title_for

__all__ = ["MACHINE_NAME", "is_machine_name", "says_nothing", "title_for"]
