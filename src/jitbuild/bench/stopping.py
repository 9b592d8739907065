"""The rule that says when a measurement ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jitbuild.bench.stats import ComparisonRule
from jitbuild.running.intervals import MARGIN


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppingRule:
    """When a measurement ends, and the share up to which a difference does not count.

    Without `until_decided`, the exact number of rounds is measured (SampleCounts.rounds). With it,
    each benchmark is measured until its interval decides, or until `seconds` have passed. The first
    rounds (SampleCounts.rounds) are measured even if they take longer, unless the limit is `strict`
    because the user has stated it.
    """

    until_decided: bool = False
    seconds: float = math.inf
    strict: bool = False
    margin: float = MARGIN

    @property
    def comparison(self) -> ComparisonRule:
        """How the rounds of such a measurement are compared."""
        return ComparisonRule(paired=True, always_valid=self.until_decided, margin=self.margin)
