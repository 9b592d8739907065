"""Provide the interpreters for several requests at once, under one job budget."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jitbuild.errors import JitbuildError
from jitbuild.system.concurrency import run_concurrently

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jitbuild.provision import Provisioner
    from jitbuild.request import Axes, Request
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The outcome of one of several requests: an interpreter or an error."""

    request: Request
    axes: Axes
    interpreter: Interpreter | None = None
    error: JitbuildError | None = None

    @property
    def name(self) -> str:
        """The request, followed by the jit axis if the user stated it: `3.13.15 (jit no)`."""
        if self.axes.jit:
            return f"{self.request.text} (jit {self.axes.jit})"
        return self.request.text


def ensure_each(
    provisioner: Provisioner, wanted: Sequence[tuple[Request, Axes]], *, keep_going: bool = True
) -> list[Outcome]:
    """Provide an interpreter for every request in `wanted`; return the outcomes in the same order.

    Requests for the same source are built one after the other, so that each build can use the
    caches that the previous build filled. Requests for different sources are built at the same
    time. If `keep_going` is True, a failure does not affect other requests. If it is False, the
    first JitbuildError cancels the other builds, and is raised when they have ended.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = deque(_chains(provisioner, wanted))

    def build_chains(reporter: Reporter) -> None:
        reporting = replace(shared, reporter=reporter)
        while True:
            try:
                chain = waiting.popleft()
            except IndexError:  # another thread took the last chain
                return
            for number in chain:
                request, axes = wanted[number]
                outcomes[number] = _outcome(reporting, request, axes, keep_going=keep_going)
                error = outcomes[number].error
                if error is not None and len(wanted) > 1:
                    # Report the error immediately, because the other builds may take long, and the
                    # user may interrupt them.
                    reporter.warn(f"{outcomes[number].name} failed: {error}")

    with provisioner.job_budget() as budget:
        shared = replace(provisioner, budget=budget)
        threads = min(len(waiting), budget.jobs)
        run_concurrently(*[build_chains] * threads, reporter=provisioner.reporter)
    return [outcomes[number] for number in range(len(wanted))]


def _chains(provisioner: Provisioner, wanted: Sequence[tuple[Request, Axes]]) -> list[list[int]]:
    """Group the indices of `wanted` by source, without reading a tree or using the network."""
    chains: dict[str, list[int]] = {}
    for number, (request, _) in enumerate(wanted):
        chains.setdefault(_source_of(provisioner, request), []).append(number)
    return list(chains.values())


def _source_of(provisioner: Provisioner, request: Request) -> str:
    if not request.is_version:
        return request.shown
    try:
        return provisioner.resolve(request).source.digest
    except JitbuildError:  # `ensure` will raise the same error
        return request.text


def _outcome(
    provisioner: Provisioner, request: Request, axes: Axes, *, keep_going: bool
) -> Outcome:
    try:
        interpreter = provisioner.ensure(request, axes)
    except JitbuildError as error:
        if not keep_going:
            raise
        return Outcome(request=request, axes=axes, error=error)
    return Outcome(request=request, axes=axes, interpreter=interpreter)
