"""The names of the programs in the quick suite (in_target/bench_programs.py has their code)."""

from __future__ import annotations

PROGRAMS = (
    *("float_loop", "int_loop", "nbody", "objects", "generators", "strings", "dicts", "lists"),
    *("calls", "parser", "json_lines", "regex", "in_c", "in_out"),
)
# These programs spend their time in C or in the operating system, so the JIT is not expected to
# help.
WITHOUT_GAIN = frozenset({"in_c", "in_out"})
