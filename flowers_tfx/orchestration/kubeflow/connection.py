"""Which cluster the commands talk to, as whom, and where the runs go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowers_tfx.config import PipelineConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.transport import check_host

if TYPE_CHECKING:
    from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

# Columns of the server's database. Beyond them, a run is started in Kubernetes and then not stored.
MAX_NAME_CHARS, MAX_EXPERIMENT_CHARS = 255, 128
TOKEN = "FLOWERS_KUBEFLOW_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class RunTarget:
    """Where runs go. Empty: the cluster's own."""

    experiment: str
    namespace: str = ""
    service_account: str = ""


@dataclass(frozen=True)
class Connection:
    """The options and the configuration of a cluster. If an option is None, the configuration decides."""

    config: PipelineConfig
    host: str
    token_file: Path | None
    namespace: str | None
    experiment: str = ""
    service_account: str | None = None

    def client(self) -> PipelinesClient:
        """Raises InputError when the host is not an address or the token cannot be read."""
        check_host(self.host)
        self.token()
        from flowers_tfx.orchestration.kubeflow.client import PipelinesClient

        return PipelinesClient(self.host, self.token)

    def target(self) -> RunTarget:
        kubeflow = self.config.kubeflow
        namespace = kubeflow.namespace if self.namespace is None else self.namespace
        account = kubeflow.service_account if self.service_account is None else self.service_account
        return RunTarget(self.experiment, namespace, account)

    def token(self) -> str:
        """The token as it is now; empty if none is given. Raises InputError for a file that does not hold one."""
        if self.token_file is None:
            return _checked_token(os.environ.get(TOKEN, ""), f"The variable {TOKEN}")
        try:
            text = self.token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            cause = getattr(error, "strerror", None) or "it is not text"
            raise InputError(f"The token file {self.token_file} cannot be read: {cause}.", "Name another one with --token-file.") from None
        return _checked_token(text, f"The token file {self.token_file}")

    def check_names(self, kind: str, name: str) -> None:
        """Raises InputError for names that the server cannot store. `kind` is run or schedule."""
        _check_length(f"The name of the {kind}", name, MAX_NAME_CHARS, "--name")
        _check_length("The name of the experiment", self.experiment, MAX_EXPERIMENT_CHARS, "--experiment")


def check_namespace(client: PipelinesClient, namespace: str) -> None:
    """Raises InputError for a namespace on a single-user installation, which ignores it for runs and refuses it for schedules, and for none
    on a multi-user one."""
    multi_user = client.is_multi_user()
    if multi_user and not namespace:
        message = f"The host {client.host} is a multi-user installation, and no namespace was given."
        raise InputError(message, "Name yours with --namespace or kubeflow.namespace.")
    if namespace and not multi_user:
        message = f"The host {client.host} is a single-user installation, which takes no namespace, and {namespace} was given."
        raise InputError(message, "Leave out --namespace and kubeflow.namespace: all runs go to its one namespace.")


def _check_length(subject: str, name: str, longest: int, option: str) -> None:
    if not 1 <= len(name) <= longest:
        raise InputError(f"{subject} has {len(name)} characters, and the server stores 1 to {longest}.", f"Give another {option}.")


def _checked_token(text: str, source: str) -> str:
    """Python's error for a header that cannot be sent would show the token."""
    token = text.strip()
    if not (token.isascii() and token.isprintable()):
        raise InputError(f"{source} does not hold a token: a token is one line of ASCII characters.", "Store the token alone.")
    return token
