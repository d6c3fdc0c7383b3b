"""Runs a LiteRT model (a .tflite file): the same network as the SavedModel's, faster and without TensorFlow.

One picture at a time on one thread takes the least time per picture; several pictures run in several threads, each with an interpreter of
its own.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowers_tfx.errors import InputError, first_line
from flowers_tfx.threads import map_in_threads

PROBABILITIES, FEATURES = "probabilities", "features"  # outputs
FAR, UNSURE, SCORE = "far", "unsure", "score"  # outputs [1] of a model that can tell that a photo shows none of its classes
_SIGNATURE = "serving_default"
# LiteRT writes this line to the standard error of every process, and has no setting that stops it.
_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"

Pictures = npt.NDArray[np.uint8]
Vectors = dict[str, npt.NDArray[np.float32]]


class LiteRtModel:
    """A network from one picture, uint8 [s, s, 3], to named vectors, float32. Threads can share it.

    Raises InputError for a file that is missing or damaged or is not such a network, and if the interpreter cannot be loaded.
    """

    def __init__(self, file: Path) -> None:
        try:
            self._content = file.read_bytes()
        except OSError as error:
            raise InputError(f"The LiteRT model {file} cannot be read: {error.strerror}.") from None
        if not self._content:
            raise InputError(f"The LiteRT model {file} is empty.")
        self._file = file
        self._idle: queue.SimpleQueue[_Interpreter] = queue.SimpleQueue()
        first = self._new_interpreter()
        self.image_size: int = first.image_size
        self.outputs: dict[str, int] = first.outputs  # length of each vector
        self._idle.put(first)

    def __call__(self, picture: Pictures) -> Vectors:
        """One vector, float32 [n], for each output, from one picture, uint8 [s, s, 3]."""
        try:
            interpreter = self._idle.get_nowait()
        except queue.Empty:
            interpreter = self._new_interpreter()
        vectors = interpreter.run(picture)
        self._idle.put(interpreter)
        return vectors

    def reserve(self, threads: int) -> None:
        """Makes the interpreters of so many threads in advance, so that no picture waits for one."""
        while self._idle.qsize() < threads:
            self._idle.put(self._new_interpreter())

    def run_batch(self, pictures: Pictures | Sequence[Pictures]) -> Vectors:
        """float32 [N, n] for each output, from pictures, uint8 [N, s, s, 3]; on all processors."""
        rows = list(map_in_threads(self, pictures))
        return {name: np.stack([row[name] for row in rows]) if rows else np.zeros((0, n), np.float32) for name, n in self.outputs.items()}

    def _new_interpreter(self) -> _Interpreter:
        module = _load_litert()
        try:
            return _Interpreter(module, self._content)
        except (ValueError, RuntimeError, IndexError) as error:
            raise InputError(f"{self._file} is not a LiteRT model of this program, or it is damaged: {first_line(error)}") from None


class _Interpreter:
    """One interpreter, for one picture at a time."""

    def __init__(self, module: Any, content: bytes) -> None:
        with _without_notice():
            self._interpreter = module.Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        (picture,) = self._interpreter.get_input_details()
        batch, height, width, channels = (int(side) for side in picture["shape"])
        if (batch, channels, picture["dtype"]) != (1, 3, np.uint8) or height != width:
            raise ValueError(f"its input is {picture['dtype'].__name__} {list(picture['shape'])}")
        self._input: int = picture["index"]
        self.image_size = height
        self._outputs = _output_positions(self._interpreter)
        self.outputs = {name: int(self._interpreter.get_tensor(position).shape[1]) for name, position in self._outputs.items()}

    def run(self, picture: Pictures) -> Vectors:
        self._interpreter.set_tensor(self._input, picture[np.newaxis])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(position)[0] for name, position in self._outputs.items()}


def _output_positions(interpreter: Any) -> dict[str, int]:
    """The tensor of each output, by its name in the signature."""
    names = interpreter.get_signature_list().get(_SIGNATURE, {}).get("outputs", [])
    if not names:
        raise ValueError(f"it has no signature {_SIGNATURE}")
    # The details of a signature runner hold the positions; it is not used to run, since it would check and copy more.
    details = interpreter.get_signature_runner(_SIGNATURE).get_output_details()
    return {name: int(details[name]["index"]) for name in names}


def _load_litert() -> Any:
    try:
        from ai_edge_litert import interpreter
    except (ImportError, OSError, AttributeError, RuntimeError, ValueError) as error:  # such as a library for another NumPy
        raise InputError(f"The LiteRT interpreter cannot be loaded: {first_line(error)}.", "Install the package ai-edge-litert.") from None
    return interpreter


_notice_lock = threading.Lock()


@contextlib.contextmanager
def _without_notice() -> Iterator[None]:
    """Keeps LiteRT's notice from the standard error; anything else that is written there meanwhile follows. Nothing is held back where
    there is no standard error or no temporary folder."""
    with _notice_lock, contextlib.ExitStack() as stack:
        try:
            written = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:
            yield
            return
        stack.callback(os.close, stderr)
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            written.seek(0)
            with contextlib.suppress(OSError):  # a standard error that cannot be written to is no reason to fail
                os.write(2, written.read().replace(_NOTICE, b""))
