"""Scripts that run in the interpreter under test; standard library only, never imported by the host."""
