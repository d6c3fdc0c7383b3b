"""Which names and values look like secrets. A compiled package is stored in files, in a database and on a web page: it only refers to
secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_WORDS = re.compile(r"password|passwd|secret|token|api_?key|access_?key|private_?key|credential", re.IGNORECASE)
# These name a file or the location of a secret, not the secret.
_HARMLESS = re.compile(r"(_file|_path|_dir|_uri|_name)$|^google_application_credentials$", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def secret_names(environment: Mapping[str, str]) -> list[str]:
    """Names of environment variables whose values look like secrets."""
    return sorted(name for name, value in environment.items() if value and (_is_secret_name(name) or _ADDRESS.search(value)))


def secret_options(arguments: Iterable[str]) -> list[str]:
    """Names of `--name=value` arguments whose values look like secrets."""
    names = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name.startswith("--") and equals and value and (_is_secret_name(name) or _ADDRESS.search(value)):
            names.append(name)
    return names


def _is_secret_name(name: str) -> bool:
    return bool(_WORDS.search(name)) and not _HARMLESS.search(name.strip("-"))
