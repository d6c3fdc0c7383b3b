"""A PipelineConfig from YAML and `key=value` overrides."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flowers_tfx.config.pipeline import PipelineConfig, known_keys, takes_text
from flowers_tfx.config.section import first_problem
from flowers_tfx.errors import InputError


def load_config(path: str | Path | None = None, overrides: Iterable[str] = ()) -> PipelineConfig:
    """The config of a YAML file with `key=value` overrides. Raises InputError on unknown keys and wrong values."""
    settings: dict[str, Any] = {}
    if path is not None:
        settings = _read_yaml(Path(path))
    _override(settings, overrides)
    return parse_config(settings)


def with_overrides(config: PipelineConfig, overrides: Iterable[str]) -> PipelineConfig:
    """The config with further `key=value` overrides. Raises InputError on unknown keys and wrong values."""
    # Defaults may depend on what is overridden.
    settings = config.model_dump(by_alias=True, exclude_unset=True)
    _override(settings, overrides)
    return parse_config(settings)


def _override(settings: dict[str, Any], overrides: Iterable[str]) -> None:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise InputError(f"--set {override!r} has no value.", "Write it as key=value, such as training.seed=1.")
        _put(settings, key.strip(), _value(key.strip(), text))


def parse_config(settings: Mapping[str, Any]) -> PipelineConfig:
    """Validated config of plain values. Raises InputError naming the first wrong key."""
    _refuse_unknown(settings)
    try:
        return PipelineConfig.model_validate(settings)
    except ValidationError as error:
        key, reason, value = first_problem(error)
        raise InputError(f"Configuration key {key}: {reason} (got {value!r}).", _describe(key)) from None


def _describe(key: str) -> str:
    return next((f"{key}: {text}." for name, _, text in known_keys() if name == key), "")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The configuration {path} cannot be read: {error.strerror}.", "Name a YAML file with --config.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise InputError(f"The configuration {path} must hold keys and values.", "See docs/configuration.md.")
    return loaded


def _value(key: str, text: str) -> Any:
    """Strings stay as typed: YAML would convert a salt `1`, a date or a path `~`."""
    if takes_text(key):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = settings.setdefault(section, {})
        if not isinstance(inner, dict):
            raise InputError(f"Configuration key {section} has no keys below it, so {key} is unknown.")
        settings = inner
    settings[last] = value


def _refuse_unknown(settings: Mapping[str, Any]) -> None:
    keys = [key for key, _, _ in known_keys()]
    for key, value in _leaves(settings, keys):
        if example := next((known for known in keys if known.startswith(f"{key}.")), None):
            raise InputError(f"Configuration key {key} must hold keys and values, not {value!r}.", f"Such as {example}.")
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1, 0.5) or difflib.get_close_matches(key.split(".")[-1], keys, 1, 0.0)
            raise InputError(f"Configuration key {key} is unknown.", f"Did you mean {near[0]}?")


def _leaves(settings: Mapping[str, Any], keys: list[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; the value of a known key may hold keys of its own."""
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in keys:
            yield from _leaves(value, keys, f"{key}.")
        else:
            yield key, value
