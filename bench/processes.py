"""The parent's side of a child process: start it, ask it, stop it.

What is asked and when is decided in questions/; what is answered, in worker.py or in a session of
the question's own (`worker.serve`).
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

from bench.contenders import ContenderSpec

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # XLA's pool of threads
)
ANSWER_SECONDS = 600.0  # far beyond any single request; a worker that takes longer hangs


class WorkerError(RuntimeError):
    """A contender's process failed; the message holds what it said."""


class ContenderMissingError(WorkerError):
    """A contender cannot be imported here; the message says what to install."""


class UnsupportedError(WorkerError):
    """A contender cannot do what this case asks; the others go on without it."""


ERRORS: dict[str, type[WorkerError]] = {
    "failed": WorkerError,
    "missing": ContenderMissingError,
    "unsupported": UnsupportedError,
}


def worker_environment(threads: int | None) -> dict[str, str]:
    """Return a worker's environment: the libraries' thread counts set, or left alone."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    return {**os.environ, "PYTHONPATH": path, **limits}


class Worker:
    """A running process that answers requests; a context manager that ends it.

    Parameters
    ----------
    name : str
        Who it is, for messages.
    arguments : str
        What ``python -m`` is given: a module that calls `worker.serve`, and its arguments.
    threads : int or None
        Limit of the libraries' threads, through the environment; None leaves them alone.
    install : str
        The command that installs what the process needs, for the message if it is missing.
    """

    def __init__(
        self, name: str, *arguments: str, threads: int | None = None, install: str = ""
    ) -> None:
        self.name = name
        self.threads = threads
        self._install = install
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=worker_environment(threads),
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C reaches the parent only, which then ends its workers
        )

    @property
    def pid(self) -> int:
        """The process, for those who watch it."""
        return self._process.pid

    def ask(self, do: str, **content: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises
        ------
        ContenderMissingError
            If the contender's module or a package it needs is not installed.
        UnsupportedError
            If the contender cannot do what is asked.
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
            raise WorkerError(f"{self.name}: process ended ({code}) during {do}\n{self._tail()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            hint = ""
            if answer["kind"] == "missing" and self._install:
                hint = f"; install it with: {self._install}"
            raise ERRORS[answer["kind"]](f"{self.name}: {answer['error']}{hint}")
        return answer

    def _tail(self) -> str:
        """Return the last lines that the process wrote to stderr."""
        self._said.seek(0)
        return "\n".join(self._said.read().decode(errors="replace").splitlines()[-20:])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def contender_worker(spec: ContenderSpec, threads: int | None) -> Worker:
    """Start the process of a contender."""
    arguments = ("bench.worker", spec.module, spec.build)
    return Worker(spec.name, *arguments, threads=threads, install=spec.install)
