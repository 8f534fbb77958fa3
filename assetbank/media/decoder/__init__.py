"""Decode foreign bytes in child processes with limits and without rights."""

from assetbank.media.decoder.pictures import (
    check_sandbox,
    close_pool,
    examine,
    extract_features,
    load_rgb,
    read_manifest,
    render,
    render_renditions,
)

__all__ = [
    "check_sandbox", "close_pool", "examine", "extract_features", "load_rgb", "read_manifest",
    "render", "render_renditions",
]  # fmt: skip
