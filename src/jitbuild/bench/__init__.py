"""Should I turn the JIT on? A program, or a suite of them, measured with the JIT off and on, and what the numbers mean.

`plan` says what is measured and in which order, `session` measures, `files` reads and writes pyperf's files, `stats` compares,
`words` says what follows from it, `report`, `text`, `chart` and `page` show it. `_programs`, `_worker` and `_inspect` run in the
interpreter under test, and import nothing of the rest. docs/bench.md says what people can rely on.
"""
