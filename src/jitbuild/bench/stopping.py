"""Define the rule that determines when a measurement ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jitbuild.bench.stats import ComparisonRule
from jitbuild.running.intervals import MARGIN


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppingRule:
    """The end of a measurement, and `margin`, the share up to which a difference does not count.

    If `until_decided` is False, exactly SampleCounts.rounds rounds are measured. If it is True, the
    measurement continues until every interval decides, or until `seconds` have passed. The first
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
