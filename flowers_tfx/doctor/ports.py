"""Whether the port of `flowers serve` is free."""

from __future__ import annotations

import socket

from flowers_tfx.doctor.check_result import CheckResult, ok, warn


def check_port(port: int) -> CheckResult:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return warn(f"Port {port} of `flowers serve` cannot be taken: {error.strerror}.", "Stop what uses it, or serve with --port N.")
    return ok(f"Port {port} is free for `flowers serve`.")
