"""The parent's side of a contender's process: start it, ask it, stop it.

What is asked and when is decided in harness.py; what is answered, in worker.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.contender import ContenderSpec

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
ANSWER_SECONDS = 600.0  # far beyond any single request; a worker that takes longer hangs


class WorkerError(RuntimeError):
    """A contender's process failed; the message holds what it said."""


class ContenderMissingError(WorkerError):
    """A contender cannot be imported here."""


def worker_environment(threads: int | None) -> dict[str, str]:
    """Return a worker's environment: the libraries' thread counts set, or left alone."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    return {**os.environ, "PYTHONPATH": path, **limits}


class Worker:
    """A running process of one contender; a context manager that ends it."""

    def __init__(self, spec: ContenderSpec, threads: int | None) -> None:
        self.spec = spec
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", spec.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=worker_environment(threads),
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C reaches the parent only, which then ends its workers
        )

    def ask(self, do: str, **content: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises
        ------
        ContenderMissingError
            If the contender's module or a package it needs is not installed.
        WorkerError
            If the request failed, the process ended, or no answer came in time.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        deadline = threading.Timer(ANSWER_SECONDS, self._process.kill)
        deadline.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **content}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            deadline.cancel()
        if not line:
            code = self._process.wait()
            raise WorkerError(
                f"{self.spec.name}: process ended ({code}) during {do}\n{self._tail()}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            kind = ContenderMissingError if answer["missing"] else WorkerError
            raise kind(f"{self.spec.name}: {answer['error']}")
        return answer

    def _tail(self) -> str:
        """Return the last lines that the process wrote to stderr."""
        self._said.seek(0)
        return "\n".join(self._said.read().decode(errors="replace").splitlines()[-20:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._said.close()
