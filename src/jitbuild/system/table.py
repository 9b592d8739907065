"""Print tables: plain columns, and styled ones on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2


def format_table(
    rows: Sequence[Sequence[str]], *, headers: Sequence[str] = (), right: Sequence[int] = ()
) -> str:
    """Return `rows` as lines of aligned columns, which are never folded or truncated.

    `right` are the indices of the columns that are aligned on the right, for numbers.
    """
    lines = [*([headers] if headers else []), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        (" " * _GAP)
        .join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    )


def print_table(
    rows: Sequence[Sequence[str]], *, headers: Sequence[str] = (), right: Sequence[int] = ()
) -> None:
    """Print `rows` on stdout. On a terminal the headers are bold."""
    if not sys.stdout.isatty():
        print(format_table(rows, headers=headers, right=right))  # noqa: T201
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(headers), pad_edge=False, padding=(0, _GAP, 0, 0))
    for index in range(len(rows[0]) if rows else len(headers)):
        header = headers[index] if headers else ""
        table.add_column(header, justify="right" if index in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    # As wide as the table: a path that the terminal folds itself can still be copied whole.
    console = Console(highlight=False)
    console.width = max(console.width, console.measure(table).maximum)
    console.print(table, crop=False, soft_wrap=True)
