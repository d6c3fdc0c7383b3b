"""Checks Kubernetes and KServe manifests; runs in the environment of requirements/manifests.txt, not in that of the tests.

    python check_manifests.py VERSION FILE...    # Kubernetes' version, such as 1.37

Prints a line for each error, and the exit code is 1 if there is one. Fields that the schemas do not have are errors.
Kubernetes' objects are checked against the JSON schemas that kubernetes-validate brings, KServe's against the models of its own package,
whose parts that are Kubernetes' go to those schemas again.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from referencing import Registry, Resource

SCALARS: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}


class Schemas:
    def __init__(self, version: str) -> None:
        self._version = version
        folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
        definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))
        self._names, self._id = definitions["$defs"], definitions["$id"]
        self._registry = Resource.from_contents(definitions) @ Registry()
        self._models = load_kserve_models()

    def errors(self, manifest: dict[str, Any]) -> list[str]:
        if manifest["apiVersion"].startswith("serving.kserve.io/"):
            version = manifest["apiVersion"].partition("/")[2]
            return self._kserve_errors(manifest, f"{version.capitalize()}{manifest['kind']}", manifest["kind"])
        try:
            kubernetes_validate.validate(manifest, self._version, strict=True)
        except kubernetes_validate.ValidationError as error:
            return [f"{'.'.join(map(str, error.path))}: {error.message}"]
        return []

    def _kserve_errors(self, value: Any, kind: str, place: str) -> list[str]:
        """`kind`: a type as the models name it, `list[V1Container]` or `dict(str, str)`."""
        if kind.startswith("list["):
            if not isinstance(value, list):
                return [f"{place} is not a list"]
            return [error for at, one in enumerate(value) for error in self._kserve_errors(one, kind[5:-1], f"{place}[{at}]")]
        if kind.startswith("dict("):
            if not isinstance(value, dict):
                return [f"{place} is not a map"]
            inner = kind[5:-1].partition(", ")[2]
            return [error for key, one in value.items() for error in self._kserve_errors(one, inner, f"{place}.{key}")]
        if kind in SCALARS:
            fits = isinstance(value, SCALARS[kind]) and (kind in ("bool", "object") or not isinstance(value, bool))
            return [] if fits else [f"{place} is not of type {kind}"]
        if hasattr(self._models, kind):
            return self._model_errors(value, getattr(self._models, kind), place)
        return self._kubernetes_errors(value, kind, place)

    def _model_errors(self, value: Any, model: Any, place: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{place} is not a map"]
        names = {key: name for name, key in model.attribute_map.items()}
        errors = [f"{place}.{key} is not a field of {model.__name__}" for key in value if key not in names]
        known = {names[key]: (key, one) for key, one in value.items() if key in names}
        try:
            model(**{name: one for name, (_, one) in known.items()})
        except ValueError as error:  # a field is missing
            errors.append(f"{place}: {error}")
        return errors + [
            error for name, (key, one) in known.items() for error in self._kserve_errors(one, model.openapi_types[name], f"{place}.{key}")
        ]

    def _kubernetes_errors(self, value: Any, kind: str, place: str) -> list[str]:
        name = kind.removeprefix("V1")
        found = [one for one in (f"io.k8s.api.core.v1.{name}", f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}") if one in self._names]
        if not found:
            return [f"{place} is of type {kind}, for which there is no schema"]
        validator = jsonschema.Draft202012Validator({"$ref": f"{self._id}#/$defs/{found[0]}"}, registry=self._registry)
        return [f"{place}.{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


def load_kserve_models() -> Any:
    """KServe's models alone: the package itself imports a whole server, whose libraries are not here."""
    package = ModuleType("kserve")
    package.__path__ = [str(distribution("kserve").locate_file("kserve"))]
    sys.modules["kserve"] = package
    import kserve.models

    return kserve.models


def main(version: str, files: list[str]) -> int:
    schemas = Schemas(version)
    count = 0
    for file in files:
        for manifest in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")):
            for error in schemas.errors(manifest):
                print(f"{file}: {error}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
