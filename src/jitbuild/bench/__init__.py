"""Measure programs with the JIT off and on, and report what the numbers mean."""
