"""Measure the compiled code of packages while pytest runs their tests. PYTEST_DONT_REWRITE

This module runs in the interpreter under test. It uses only the standard library and other modules
of this folder.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from jitbuild.in_target.jit_usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jitbuild.in_target.executors import ExecutorLookup
    from jitbuild.in_target.jit_facts import JitFacts
    from jitbuild.in_target.jit_usage import Measurement


class JitSampler:
    """Samples the compiled code of `packages` after tests, as often as its share of time allows.

    After a test, a sample is taken only if all earlier samples together have taken at most
    `allowed_seconds` plus the share `allowed_share` of the duration of the run so far.
    `seconds` is the time that all samples have taken. After each sample, `on_change` gets the
    measurement of the code whose counts have changed, if there is any. `clock` returns the time in
    seconds.
    """

    allowed_seconds = 1.0
    allowed_share = 0.02

    def __init__(
        self,
        packages: Sequence[str],
        *,
        facts: JitFacts,
        lookup: ExecutorLookup,
        on_change: Callable[[Measurement], None] | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.packages = packages
        self.on_change = on_change
        self.facts = facts
        self.lookup = lookup
        self.clock = clock
        self.started = clock()
        self.seconds = 0.0
        self.meter: UsageMeter | None = None

    def begin(self, items: Iterable[Any]) -> None:
        """Begin to measure, after pytest has collected `items`."""
        modules = (getattr(item, "module", None) for item in items)
        tests = {module.__name__ for module in modules if module is not None}
        self.meter = UsageMeter(self.packages, tests, facts=self.facts, lookup=self.lookup)
        self._measure(walk=True)

    def after_test(self, item: Any, next_item: Any) -> None:
        """Measure after the test `item`; `next_item` is None after the last test.

        The last test is always followed by a measurement, because pytest-cov stops its tracer
        before the session ends, and CPython then discards all executors.
        """
        elapsed = self.clock() - self.started
        allowed = self.allowed_seconds + self.allowed_share * elapsed
        if next_item is None or self.seconds <= allowed:
            module = getattr(item, "module", None)
            next_module = getattr(next_item, "module", None)
            self._measure(walk=next_item is None or module is not next_module)

    def end(self) -> Measurement | None:
        """Return the measurement of the run; None if it did not begin."""
        if self.meter is None:
            return None
        self._measure(walk=True)
        return self.meter.measurement()

    def _measure(self, *, walk: bool) -> None:
        if self.meter is None:
            return
        started = self.clock()
        if walk:
            self.meter.walk()
        self.meter.sample()
        if self.on_change is not None and (changes := self.meter.changes()).code:
            self.on_change(changes)
        self.seconds += self.clock() - started
