"""The command of every step: `python -m flowers_tfx.orchestration.kubeflow.entrypoint`, with the arguments that TFX compiles.

TFX's own entrypoint fails on open-source Pipelines (tensorflow/tfx#7768). This one translates the backend's message, lets TFX's run the
executor, and translates the answer. It serves Vertex AI as well, where buckets are mounted at the same paths.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from flowers_tfx.errors import Blocked, ExitCode, ExplainedFailure, InputError, exit_code
from flowers_tfx.orchestration.kubeflow.executor_input import StepCall, clear_outputs, require_outputs, translate_input, translate_output
from flowers_tfx.storage import atomic_file

# Before the reason for which a step failed, in its log: by it `flowers kubeflow submit --wait` finds the reason there.
REASON = "step failed: "


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a step and ends the process at once: destructors of C++ libraries can crash after all the work is done.

    The exit code is one of ours. The launcher of a cluster always ends with 1, so only the log distinguishes failures.
    """
    code: int = ExitCode.DONE
    try:
        run(sys.argv[1:] if argv is None else argv)
    except (InputError, Blocked, ExplainedFailure) as error:
        code = exit_code(error)
        _write_lines(f"{REASON}{error.message}", error.hint, error.summary if isinstance(error, Blocked) else "")
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else ExitCode.FAILED
    except BaseException as error:  # noqa: BLE001 - the backend learns of every error by the exit code alone
        traceback.print_exc()
        _write_lines(f"{REASON}{type(error).__name__}: {error}")
        code = ExitCode.FAILED
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(argv: Sequence[str]) -> None:
    """Runs the executor that the arguments name. Raises what the executor raises, and InputError on a message that cannot be parsed."""
    arguments, beam_arguments = _parser().parse_known_args(list(argv))
    inputs_spec = _parse(arguments.json_serialized_inputs_spec_args, "--json_serialized_inputs_spec_args")
    call = translate_input(_parse(arguments.json_serialized_invocation_args, "--json_serialized_invocation_args"), inputs_spec)
    clear_outputs(call)
    arguments.json_serialized_invocation_args = json.dumps(call.message)
    arguments.run_id = call.run_id
    _execute(arguments, beam_arguments)
    require_outputs(call)
    _write_answer(call)


def _execute(arguments: argparse.Namespace, beam_arguments: list[str]) -> None:
    from tfx.dsl.components.base.base_executor import BaseExecutor
    from tfx.orchestration.kubeflow.v2 import compiler_utils
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
    from tfx.utils import import_utils

    from flowers_tfx.components.artifacts import own_types

    import_utils.import_class_by_path(arguments.executor_class_path)  # it imports the artifact types of its inputs and outputs
    # TFX takes the title of a foreign type for the path of a class.
    compiler_utils.TITLE_TO_CLASS_PATH.update({own.TYPE_NAME: f"{own.__module__}.{own.__qualname__}" for own in own_types()})
    # It gives an executor no run id, and our reports name their run.
    BaseExecutor.Context.pipeline_run_id = property(lambda _: arguments.run_id or None)
    kubeflow_v2_run_executor.main((arguments, beam_arguments))


def _write_answer(call: StepCall) -> None:
    """The launcher reads this file when the process has ended with 0, so it must never be incomplete."""
    answer = translate_output(json.loads(call.output_file.read_text(encoding="utf-8")), call)
    with atomic_file(call.output_file) as unfinished:
        unfinished.write_text(json.dumps(answer), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    """All other arguments are for Beam, and none of them may pass for an abbreviation of ours."""
    parser = argparse.ArgumentParser(prog="entrypoint", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    return parser


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError(f"The argument {name} is not a JSON object.", "Only a backend starts the entrypoint.")
    return value


def _write_lines(*lines: str) -> None:
    for line in filter(None, lines):
        sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
