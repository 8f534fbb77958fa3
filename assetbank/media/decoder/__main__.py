"""`python -m assetbank.media.decoder`: a decoder, as the pool starts it."""

from assetbank.media.decoder.child import serve
from assetbank.media.decoder.jobs import JOBS

serve(JOBS)
