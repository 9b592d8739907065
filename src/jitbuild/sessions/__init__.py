"""The parts of nox sessions that do not need nox: interpreters, shims, venvs and modes."""
