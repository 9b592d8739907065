"""Executors in code objects, by a fake `get_executor`."""

from __future__ import annotations

from types import CodeType
from typing import NoReturn

import pytest
from jit_fakes import Executor, compiled

from jitbuild.in_target import executors, probe
from jitbuild.in_target.executors import ExecutorCount, ExecutorLookup, count_executors


def test_valid_executors_and_their_machine_code_are_counted() -> None:
    def plain() -> None: ...

    code = plain.__code__
    assert count_executors(code, compiled(plain=Executor())) == ExecutorCount(1, 4096)
    assert count_executors(code, compiled(plain=Executor(valid=False))) == ExecutorCount(0, 0)
    assert count_executors(code, compiled(plain=Executor(0))) == ExecutorCount(1, 0)
    assert count_executors(code, compiled(plain=Executor(None))) == ExecutorCount(1, 0)
    assert count_executors(code, compiled(other=Executor())) == ExecutorCount(0, 0)


def test_only_the_offsets_of_the_opcode_are_looked_up() -> None:
    def plain() -> int:
        return len([])

    code, asked = plain.__code__, []

    def get_executor(code: CodeType, offset: int) -> NoReturn:
        asked.append(offset)
        raise ValueError

    raw = code._co_code_adaptive
    count_executors(code, ExecutorLookup(get_executor, opcode=raw[4]))
    assert asked == [offset for offset in range(0, len(raw), 2) if raw[offset] == raw[4]]
    asked.clear()
    count_executors(code, ExecutorLookup(get_executor, opcode=255))
    assert asked == []


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_a_runtime_error_means_that_there_is_no_tier_2(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def get_executor(code: CodeType, offset: int) -> NoReturn:
        raise error

    monkeypatch.setattr(probe, "executor_getter", lambda: get_executor)
    assert (executors.executor_lookup().get_executor is None) == (error is RuntimeError)
