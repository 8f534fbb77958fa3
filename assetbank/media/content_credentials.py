"""Read the Content Credentials (C2PA) of a file as JSON; `assetbank.rights` makes sense of it.

Nothing is fetched from the network, and no list of trusted signers is consulted. The c2pa package
is imported when the first file with Content Credentials is read.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

# Nothing is fetched: neither remote manifests nor the revocation status of certificates
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False},
    "core": {"allowed_network_hosts": []},
}
MAX_STORE = 2 * 2**20  # characters of a manifest store as JSON; photographs have some thousand


@dataclass(frozen=True)
class Manifest:
    """A manifest store as JSON, or the reason why there is none; empty if the file has none."""

    store: str = ""
    error: str = ""


def read_manifest(data: bytes, *, mime: str) -> Manifest:
    """Return the manifest store in a file of type `mime`. Runs a native parser of foreign bytes."""
    from c2pa import C2paError, Context, Reader

    try:
        with (
            Context.from_dict(SETTINGS) as context,
            Reader(mime, io.BytesIO(data), context=context) as reader,
        ):
            store: str = reader.json()
    except C2paError.ManifestNotFound:
        return Manifest()
    except Exception as error:  # the parser may raise anything
        return Manifest(error=str(error)[:2000] or type(error).__name__)
    return Manifest(store) if len(store) <= MAX_STORE else Manifest(error="It is too long.")
