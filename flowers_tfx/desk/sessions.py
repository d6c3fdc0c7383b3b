"""Sessions of browsers: a signed cookie, and the token that each form of a session must bring."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flowers_tfx.desk.reviewers import Reviewers

LIFETIME_S = 12 * 3600
_ID_BYTES = 16
_LONGEST = 1024  # characters of a cookie


@dataclass(frozen=True)
class Session:
    """`name`: of the reviewer who signed in, empty where nobody has to. `key` signs what belongs to the session."""

    id: str
    name: str
    started: int
    key: bytes = field(repr=False)

    @property
    def cookie(self) -> str:
        content = f"{base64.urlsafe_b64encode(self.name.encode()).decode()}.{self.started}.{self.id}"
        return f"{content}.{_sign(self.key, content)}"

    @property
    def form_token(self) -> str:
        """A page of another site cannot know it, so it cannot send a form in the reviewer's name."""
        return _sign(self.key, f"form {self.id}")

    def owns(self, form_token: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), form_token.encode("utf-8", "replace"))


class Sessions:
    """Cookies are signed with the key of the reviewer, so a session outlives a restart of the desk and ends when the reviewer's line
    leaves the token file. Without a token file they are signed with a key of this process."""

    def __init__(self, reviewers: Reviewers | None, now: Callable[[], float] = time.time) -> None:
        self._reviewers, self._now = reviewers, now
        self._key = secrets.token_bytes(32)

    def start(self, name: str = "") -> Session:
        return Session(secrets.token_urlsafe(_ID_BYTES), name, int(self._now()), self._key_of(name) or self._key)

    def read(self, cookie: str) -> Session | None:
        """None for a cookie that is not ours or too old."""
        if len(cookie) > _LONGEST:
            return None
        content, _, signature = cookie.rpartition(".")
        try:
            encoded, started, id_ = content.split(".")
            name = base64.urlsafe_b64decode(encoded).decode()
            age = self._now() - int(started)
        except (ValueError, binascii.Error):
            return None
        key = self._key_of(name)
        if key is None or not hmac.compare_digest(_sign(key, content).encode(), signature.encode("utf-8", "replace")):
            return None
        return Session(id_, name, int(started), key) if 0 <= age < LIFETIME_S else None

    def _key_of(self, name: str) -> bytes | None:
        """None for a name that may not sign in."""
        if self._reviewers is None:
            return self._key if not name else None
        reviewer = self._reviewers.with_name(name)
        return reviewer.key if reviewer else None


def _sign(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()
