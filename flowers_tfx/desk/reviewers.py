"""Who reviews: names from a file of tokens, from a proxy that has checked them, or typed in by people on this machine."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowers_tfx.data.span_states import name_key
from flowers_tfx.errors import InputError

MAX_NAME = 100  # characters
_SHORTEST, _LONGEST = 16, 4096  # characters of a token
_MAX_FILE = 1 << 20  # bytes
_LINE_HINT = "Write a line for each reviewer: NAME TOKEN. A token: python3 -c 'import secrets; print(secrets.token_urlsafe())'"
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Reviewer:
    """`fingerprint` is compared with that of a token, `key` signs this reviewer's sessions; the token itself is not kept."""

    name: str
    fingerprint: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Reviewers:
    """The reviewers of a token file."""

    reviewers: tuple[Reviewer, ...]

    def with_token(self, token: str) -> Reviewer | None:
        """Takes the same time for every token: all reviewers are compared, each in constant time."""
        given, match = _fingerprint(token), None
        for reviewer in self.reviewers:
            if hmac.compare_digest(given, reviewer.fingerprint):
                match = reviewer
        return match

    def with_name(self, name: str) -> Reviewer | None:
        return next((reviewer for reviewer in self.reviewers if reviewer.name == name), None)


@dataclass(frozen=True)
class ProxyNames:
    """A proxy that has signed people in names them in a header. It is believed only from the addresses in `networks`."""

    header: str
    networks: tuple[Network, ...]

    def trusts(self, address: str) -> bool:
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(client, "ipv4_mapped", None)  # ::ffff:10.0.0.1, as a socket for both families reports it
        return any((mapped or client) in network for network in self.networks)


def read_reviewers(file: Path) -> Reviewers:
    """A line is a name, white space and a token; empty lines and those that start with # are left out. Raises InputError; no message has
    a part of a token."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(_MAX_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"The token file {file} cannot be read: {reason}.", _LINE_HINT) from None
    if len(text) > _MAX_FILE:
        raise InputError(f"The token file {file} has more than 1 MB.", _LINE_HINT)
    reviewers = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            reviewers.append(_reviewer(file, number, line))
    _require_unique(file, reviewers)
    return Reviewers(tuple(reviewers))


def is_readable_by_all(file: Path) -> bool:
    """Whether every user of this machine can read the tokens, and decide under the names beside them."""
    return bool(file.stat().st_mode & stat.S_IROTH)


def proxy_names(header: str, addresses: Sequence[str]) -> ProxyNames:
    """Raises InputError for what is not a header's name or an address, and without addresses: anybody could send the header."""
    if _HEADER_NAME.fullmatch(header) is None:
        raise InputError(f"{header!r} is not the name of a header.", "Name one such as X-Forwarded-User with --proxy-header.")
    if not addresses:
        raise InputError("A proxy's header is believed only from its addresses.", "Name each with --proxy-address, such as 10.0.0.5.")
    networks = []
    for address in addresses:
        try:
            networks.append(ipaddress.ip_network(address, strict=False))
        except ValueError:
            raise InputError(f"{address!r} is not an address or a network.", "Write 10.0.0.5 or 10.0.0.0/24.") from None
    return ProxyNames(header, tuple(networks))


def clean_name(text: str) -> str:
    """One line without control characters and white space at its ends, at most MAX_NAME characters; empty if there is no name."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_NAME]


def _reviewer(file: Path, number: int, line: str) -> Reviewer:
    *words, token = line.split()
    name = " ".join(words)
    if not name or name != clean_name(name):
        raise InputError(f"Line {number} of the token file {file} has no name of at most {MAX_NAME} characters.", _LINE_HINT)
    if not (_SHORTEST <= len(token) <= _LONGEST and token.isascii() and token.isprintable()):
        raise InputError(f"Line {number} of the token file {file} has no token of {_SHORTEST} to {_LONGEST} characters.", _LINE_HINT)
    key = hmac.digest(token.encode(), f"flowers desk session {name}".encode(), "sha256")
    return Reviewer(name, _fingerprint(token), key)


def _require_unique(file: Path, reviewers: Sequence[Reviewer]) -> None:
    if not reviewers:
        raise InputError(f"The token file {file} names nobody.", _LINE_HINT)
    for at, reviewer in enumerate(reviewers):
        for other in reviewers[:at]:
            if name_key(other.name) == name_key(reviewer.name):
                raise InputError(f"The token file {file} has two lines for {reviewer.name}.", "Keep one of them: case does not count.")
            if other.fingerprint == reviewer.fingerprint:
                raise InputError(f"{other.name} and {reviewer.name} have the same token in {file}.", "Give each reviewer an own one.")


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
