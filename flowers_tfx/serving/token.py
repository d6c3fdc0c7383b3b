"""The bearer token of the service, from a file: a command line and an environment can be read by others."""

from __future__ import annotations

from pathlib import Path

from flowers_tfx.errors import InputError

_SHORTEST, _LONGEST = 16, 4096  # characters


def read_token(file: Path) -> str:
    """The file's one line. Raises InputError for a file that cannot be read or does not hold a token."""
    try:
        with file.open(encoding="ascii") as lines:
            token = lines.read(_LONGEST + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        raise InputError(f"The token file {file} cannot be read: {reason}.", "Name a file with one line.") from None
    if not _SHORTEST <= len(token) <= _LONGEST or not token.isprintable() or " " in token:
        hint = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        raise InputError(f"The token file {file} does not hold one token of {_SHORTEST} to {_LONGEST} characters.", hint)
    return token
