"""Names of files and folders that systems and programs put among photos."""

from __future__ import annotations

# Besides names that begin with a dot.
_SYSTEM_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not a photo: `.DS_Store`, `._rose.jpg`, `.ipynb_checkpoints`, `__MACOSX`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES
