"""`python -m assetbank.media.decoding`: a decoder, as the pool of `media.decoder` starts it."""

from assetbank.media.decoding.child import serve
from assetbank.media.decoding.jobs import JOBS

serve(JOBS)
