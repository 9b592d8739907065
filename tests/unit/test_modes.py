"""Tests of the modes: each sets or removes every variable of the JIT."""

import pytest

from jitbuild.errors import SettingsError, UsageError, VariantError
from jitbuild.modes import MODES, check, environment, parse_modes

# Every variable that CPython 3.13 to 3.15 reads for its JIT (Python/pylifecycle.c, pystate.c,
# optimizer.c; PEP 836). PYTHON_JIT_FITNESS_INITIAL was seen in 3.15.2.
VARIABLES = [
    "PYTHON_JIT",
    "PYTHON_JIT_STRESS",
    "PYTHON_JIT_JUMP_BACKWARD_INITIAL_VALUE",
    "PYTHON_JIT_JUMP_BACKWARD_INITIAL_BACKOFF",
    "PYTHON_JIT_RESUME_INITIAL_VALUE",
    "PYTHON_JIT_RESUME_INITIAL_BACKOFF",
    "PYTHON_JIT_SIDE_EXIT_INITIAL_VALUE",
    "PYTHON_JIT_SIDE_EXIT_INITIAL_BACKOFF",
    "PYTHON_JIT_FITNESS_INITIAL",
    "PYTHON_UOPS_OPTIMIZE",
]
CALLER = {"PATH": "/bin", "PYTHONPATH": "lib", "PYTHON_GIL": "1", **dict.fromkeys(VARIABLES, "7")}
KEPT = {"PATH": "/bin", "PYTHONPATH": "lib", "PYTHON_GIL": "1"}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("off", {"PYTHON_JIT": "0"}),
        ("on", {"PYTHON_JIT": "1"}),
        ("stress", {"PYTHON_JIT": "1", "PYTHON_JIT_STRESS": "1"}),
        ("default", {}),
    ],
)
def test_a_mode_decides_every_variable_and_leaves_the_rest(mode, expected):
    before = dict(CALLER)
    assert environment(mode, CALLER) == KEPT | expected
    assert environment(mode, {}) == expected
    assert before == CALLER


def test_every_mode_is_tested_above():
    assert MODES == ("off", "on", "stress", "default")


def test_modes_are_parsed_in_their_order():
    assert parse_modes(["on", "off"]) == ["on", "off"]
    assert parse_modes(["on,off", " stress", ","]) == ["on", "off", "stress"]


@pytest.mark.parametrize(
    ("origin", "error", "message"),
    [
        ("", UsageError, "^'stres'"),
        ("JITBUILD_MODES", SettingsError, "^JITBUILD_MODES: 'stres'"),
    ],
)
def test_an_unknown_mode_is_refused_with_a_suggestion(origin, error, message):
    with pytest.raises(error, match=message) as caught:
        parse_modes(["off", "stres"], origin=origin)
    assert caught.value.remedy == ("Did you mean stress? Choose from: off, on, stress, default.")


@pytest.mark.parametrize(
    ("mode", "jit", "series", "message"),
    [
        ("on", False, (3, 15), "X has no JIT: it would silently ignore the mode `on`"),
        ("stress", False, None, "X has no JIT: it would silently ignore the mode `stress`"),
        ("stress", True, (3, 14), "X has no PYTHON_JIT_STRESS, which came with 3.15"),
    ],
)
def test_a_mode_that_would_be_ignored_is_refused(mode, jit, series, message):
    with pytest.raises(VariantError, match=message):
        check(mode, "X", jit=jit, series=series, remedy="Install a JIT.")


@pytest.mark.parametrize(
    ("mode", "jit", "series"),
    [
        ("off", False, (3, 14)),
        ("default", False, None),
        ("on", True, (3, 13)),
        ("stress", True, (3, 15)),
        ("stress", True, None),
    ],
)
def test_a_mode_that_has_an_effect_is_accepted(mode, jit, series):
    check(mode, "X", jit=jit, series=series, remedy="")
