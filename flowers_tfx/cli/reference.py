"""Writes docs/configuration.md from the config types: `python -m flowers_tfx.cli.reference > docs/configuration.md`."""

from __future__ import annotations

from typing import Any

from flowers_tfx.config import known_keys

_HEAD = """# Configuration

Settings come from a YAML file (`--config FILE`), and `--set KEY=VALUE` overrides them. Lists may be written `a,b`. Generated from
`flowers_tfx/config/pipeline.py` by `python -m flowers_tfx.cli.reference`; do not edit.

| key | default | meaning |
|---|---|---|
"""


def reference() -> str:
    return _HEAD + "".join(f"| `{key}` | {_shown(default)} | {text} |\n" for key, default, text in known_keys())


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "none"
    return f"`{default}`" if default != "" else "empty"


if __name__ == "__main__":
    print(reference(), end="")
