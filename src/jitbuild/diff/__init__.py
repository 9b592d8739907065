"""What the JIT changes: one command in several modes on one interpreter, compared.

`words` reads the command, `runner` runs it, `junit` and `trace` read what a run left, `compare` says what differs, `text` says it
to people. docs/diff.md says what counts as what.
"""
