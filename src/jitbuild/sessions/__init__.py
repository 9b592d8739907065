"""The parts of nox sessions: requests, provided interpreters, shims, venvs and modes."""
