"""The pages of docs/ that are generated from tables in the code: `python -m flowers_tfx.cli.reference > docs/configuration.md` and
`python -m flowers_tfx.cli.reference properties > docs/properties.md`."""

from __future__ import annotations

import sys
from typing import Any

from flowers_tfx.config import known_keys
from flowers_tfx.features import PROPERTIES, Property

_CONFIGURATION = """# Configuration

Settings come from a YAML file (`--config FILE`), and `--set KEY=VALUE` overrides them. Lists may be written `a,b`. Generated from
`flowers_tfx/config/pipeline.py` by `python -m flowers_tfx.cli.reference`; do not edit.

| key | default | meaning |
|---|---|---|
"""
_PROPERTIES = """# Image properties

What is measured of every photo: columns of `photos.parquet` and features of the Examples. Generated from the table in
`flowers_tfx/features.py` by `python -m flowers_tfx.cli.reference properties`; do not edit.

To add one, add a row there and a function of the same name in `flowers_tfx/data/properties.py`. Spans that were written before lack it:
the data review says so in a note and does not test it, until `flowers spans measure` has measured it
([why](adr/0010-properties-are-not-demanded.md)).

A number is compared by its distribution, a category by the shares of its values, an identifier not at all. A property without a test is
known to the data review from others.

| property | name in reports | measured | unit | range or values | role | tested for drift | slices the evaluation |
|---|---|---|---|---|---|---|---|
"""
_YES_NO = {True: "yes", False: "no"}


def reference() -> str:
    """docs/configuration.md."""
    return _CONFIGURATION + "".join(f"| `{key}` | {_shown(default)} | {text} |\n" for key, default, text in known_keys())


def properties_reference() -> str:
    """docs/properties.md."""
    return _PROPERTIES + "".join(
        f"| `{prop.name}` | {prop.title} | {prop.meaning} | {prop.unit or '-'} | {_range(prop)} | {prop.role} | "
        f"{_YES_NO[prop.tested]} | {_YES_NO[prop.sliced]} |\n"
        for prop in PROPERTIES
    )


def _range(prop: Property) -> str:
    if prop.values:
        text = ", ".join(prop.values)
    elif prop.low is None and prop.high is None:
        text = "any"
    elif prop.high is None:
        text = f"at least {prop.low:g}"
    elif prop.low is None:
        text = f"at most {prop.high:g}"
    else:
        text = f"{prop.low:g} to {prop.high:g}"
    return f"{text}, or missing" if prop.optional else text


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "none"
    return f"`{default}`" if default != "" else "empty"


if __name__ == "__main__":
    print(properties_reference() if sys.argv[1:] == ["properties"] else reference(), end="")
