"""`python -m assetbank.media`: a decoder, as the pool of `decoder` starts it."""

from assetbank.media.decoding import serve
from assetbank.media.jobs import JOBS

serve(JOBS)
