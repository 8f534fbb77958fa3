"""Child processes that run jobs on foreign bytes, with limits and without rights."""

from assetbank.media.decoding.child import serve
from assetbank.media.decoding.pool import Limits, Pool
from assetbank.media.decoding.requests import Job
from assetbank.media.decoding.sandbox import Sandbox

__all__ = ["Job", "Limits", "Pool", "Sandbox", "serve"]
