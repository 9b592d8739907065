"""system/table.py: columns that are aligned and never folded."""

import io
import sys

import pytest

from jitbuild.system.table import format_table, print_table

ROWS = [("a", "1", "/a/" + "long/" * 40), ("bcd", "100", "/b")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_columns_are_aligned_and_lines_are_not_padded():
    assert format_table([("a", "x"), ("bcd", "")]) == "a    x\nbcd"


def test_numbers_are_aligned_on_the_right_under_their_header():
    lines = format_table([("a", "1"), ("b", "100")], headers=("", "size"), right=[1]).splitlines()
    assert lines == ["   size", "a     1", "b   100"]


def test_a_pipe_gets_plain_text(capsys):
    print_table(ROWS)
    assert capsys.readouterr().out == f"{format_table(ROWS)}\n"


@pytest.mark.parametrize("headers", [(), ("name", "size", "path")])
def test_a_terminal_gets_the_same_columns_and_whole_paths(monkeypatch, headers):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_table(ROWS, headers=headers, right=[1])
    printed = [line.rstrip() for line in sys.stdout.getvalue().splitlines()]
    assert printed == format_table(ROWS, headers=headers, right=[1]).splitlines()


def test_headers_are_bold_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_table(ROWS, headers=("name", "size", "path"))
    assert "\x1b[1mname" in sys.stdout.getvalue()
