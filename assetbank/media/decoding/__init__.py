"""Child processes that run jobs on foreign bytes, with limits and without rights."""

from assetbank.media.decoding.child import serve
from assetbank.media.decoding.jobs import JOBS, Pixels
from assetbank.media.decoding.pool import Limits, Pool
from assetbank.media.decoding.requests import Job
from assetbank.media.decoding.sandbox import Sandbox

__all__ = ["JOBS", "Job", "Limits", "Pixels", "Pool", "Sandbox", "serve"]
