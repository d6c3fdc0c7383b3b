"""Photos that were forgotten on request: DATA_ROOT/forgotten/<digest>.json, a certificate for each, the only files that still name them.

A photo with a certificate is never taken in again. One that is not `done` was interrupted: spans may be half rewritten, so that nothing
else works on the data root until it is finished."""

from __future__ import annotations

import json
from typing import Any

from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath, storage_path

FOLDER = "forgotten"
DONE, IN_PROGRESS = "done", "in progress"
REASON = "forgotten: it was deleted on request"


def certificate_path(data_root: str, digest: str) -> StoragePath:
    return storage_path(data_root) / FOLDER / f"{digest}.json"


def read_certificates(data_root: str) -> dict[str, dict[str, Any]]:
    """By the photo's digest. Raises InputError for one that cannot be read: what it stands for must not be guessed."""
    home = storage_path(data_root) / FOLDER
    certificates = {}
    for path in home.iterdir() if home.is_dir() else ():
        if path.name.endswith(".json") and not path.name.startswith("."):
            try:
                certificate = json.loads(path.read_text(encoding="utf-8"))
                certificates[str(certificate["photo"])] = certificate
            except (OSError, ValueError, KeyError, TypeError):
                raise InputError(f"The certificate {path} cannot be read.", "Restore it from a copy.") from None
    return certificates


def forgotten_digests(data_root: str) -> frozenset[str]:
    """Of the photos that must not come back. Raises InputError while one is not finished, too."""
    certificates = read_certificates(data_root)
    for digest, certificate in certificates.items():
        if certificate.get("state") != DONE:
            raise InputError(
                f"The photo {digest[:12]}... is not forgotten everywhere yet: that was interrupted.",
                f"Finish it: flowers forget --photo {digest} --yes, with the --config of your runs.",
            )
    return frozenset(certificates)
