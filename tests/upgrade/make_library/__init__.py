"""Make the library stored next to this package: `python -m tests.upgrade.make_library`.

It runs on the commit ef7fabd only, and imports the modules of that commit: see ../README.md.
"""
