"""Sessions over JIT modes, independent of nox."""
