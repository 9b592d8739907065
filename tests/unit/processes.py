"""Fake children for the tests of process.py, which start no process."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from typing import IO, Self

from jitbuild.system.process_group import ProcessEffects

SECONDS = 30  # an upper limit for waits that end at once unless the code is broken


class FakePopen:
    """A subprocess.Popen whose program prints `stdout` and `stderr`, and exits with `code`.

    A program that `hangs` runs until its group gets a signal that it does not ignore.
    """

    def __init__(self, system: FakeSystem, argv: list[str], options: dict) -> None:
        self.args, self.options, self.pid = argv, options, 4711
        self.system = system
        self.ended = threading.Event()
        self.returncode: int | None = None
        piped = {name for name, file in options.items() if file == subprocess.PIPE}
        # `input` is the end of the pipe that the program reads.
        self.input, self.stdin = pipe() if "stdin" in piped else (None, None)
        self.stdout = output(system.stdout) if "stdout" in piped else None
        self.stderr = output(system.stderr) if "stderr" in piped else None
        if "stdout" in options and "stdout" not in piped:
            options["stdout"].write(system.stdout)
        if not system.hangs:
            self.end(system.code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def end(self, code: int) -> None:
        if not self.ended.is_set():
            self.returncode = code
            self.ended.set()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self.system.waiting.set()
        limit = SECONDS if timeout is None else min(timeout, self.system.longest_wait)
        if not self.ended.wait(limit):
            raise subprocess.TimeoutExpired(self.args, limit)
        assert self.returncode is not None
        return self.returncode


def pipe() -> tuple[IO[bytes], IO[bytes]]:
    """Return the two ends of a pipe: the one that is read, and the one that is written."""
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb"), os.fdopen(writer, "wb")


def output(content: bytes) -> IO[bytes]:
    """Return a file with `content`, as a pipe would have it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file


class FakeSystem:
    """An operating system on which each program behaves as the attributes say.

    `children` are the started programs, and `signals` all signals sent to their groups.
    """

    def __init__(
        self,
        *,
        stdout: bytes = b"",
        stderr: bytes = b"",
        code: int = 0,
        hangs: bool = False,
        ignores: tuple[int, ...] = (),
    ) -> None:
        self.stdout, self.stderr, self.code = stdout, stderr, code
        self.hangs, self.ignores = hangs, ignores
        self.longest_wait = 0.0 if ignores else SECONDS
        self.children: list[FakePopen] = []
        self.signals: list[int] = []
        self.waiting = threading.Event()

    def popen(self, argv: list[str], **options) -> FakePopen:
        self.children.append(FakePopen(self, argv, options))
        return self.children[-1]

    def signal_group(self, child: FakePopen, number: int) -> None:
        self.signals.append(number)
        if number not in self.ignores:
            child.end(-number)

    @property
    def effects(self) -> ProcessEffects:
        return ProcessEffects(popen=self.popen, signal_group=self.signal_group)
