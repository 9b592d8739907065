"""Should I turn the JIT on? A program, or a suite of them, measured with the JIT off and on, and what the numbers mean.

`plan` says what is measured and in which order, `session` measures, `steps` is one process of it, `turns` are two that alternate,
`suite` is pyperformance and `pytests` pytest-benchmark, `files` reads and writes pyperf's files, `stats` compares, `words` says
what follows from it, `report`, `text`, `scale`, `chart` and `page` show it. What begins with an underscore runs in the interpreter
under test, and imports nothing of the rest. docs/bench.md says what people can rely on.
"""
