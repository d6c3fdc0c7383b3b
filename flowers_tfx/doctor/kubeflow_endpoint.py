"""Kubeflow Pipelines' API: whether it answers, and takes the token of the environment."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn

_LIMIT_S = 10.0
_SERVICE = "apis/v2beta1"


def check_kubeflow(host: str, namespace: str) -> CheckResult:
    """`host`: as `flowers kubeflow submit` takes it; empty: nothing is asked. `namespace`: that of the configuration."""
    if find_spec("kfp") is None:
        missing = "The package `kfp` is not installed, so nothing can be compiled for Kubeflow or submitted."
        return fail(missing, "Install the packages again: `make setup`, in the checkout.") if host else ok(missing)
    if not host:
        return ok("No cluster was asked: --host names one.")
    from flowers_tfx.errors import InputError

    try:
        several_users = bool(_ask(host, "healthz").get("multi_user"))
        if several_users and not namespace:
            return warn(f"{host} answers, and keeps the runs of each user in a namespace.", "Set kubeflow.namespace to yours.")
        _ask(host, f"experiments?page_size=1{f'&namespace={quote(namespace)}' if several_users else ''}")
    except InputError as error:
        return fail(error.message, error.hint)
    return ok(f"{host} answers, and lists experiments.")


def _ask(host: str, path: str) -> Any:
    from flowers_tfx.orchestration.kubeflow.connection import TOKEN
    from flowers_tfx.orchestration.kubeflow.transport import Transport

    token = os.environ.get(TOKEN, "").strip()
    headers = {"authorization": f"Bearer {token}" if token else None}
    answer = Transport(host).request("GET", f"{host.rstrip('/')}/{_SERVICE}/{path}", headers, timeout=_LIMIT_S)
    return json.loads(answer.data or b"{}")
