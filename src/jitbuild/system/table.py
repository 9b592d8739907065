"""Print tables of aligned columns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jitbuild.safe_text import escape_controls
from jitbuild.system.safe_stream import raw

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2


def format_table(
    rows: Sequence[Sequence[str]], *, headers: Sequence[str] = (), right: Sequence[int] = ()
) -> str:
    """Return `rows`, below the `headers`, as lines of aligned columns.

    Lines are never wrapped or truncated. Control characters and line breaks in cells are escaped.
    `right` lists the indices of the columns that are aligned
    on the right, such as columns of numbers.
    """
    lines = [
        [escape_controls(cell, one_line=True) for cell in line]
        for line in [*([headers] if headers else []), *rows]
    ]
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
    """Print `rows` on stdout with the layout of `format_table`; on a terminal, headers are bold.

    Only the terminal itself wraps long lines, so that a path can be copied as one word. rich.table
    would break or truncate the path.
    """
    text = format_table(rows, headers=headers, right=right)
    if headers and sys.stdout.isatty():
        from rich.console import Console
        from rich.text import Text

        header, _, text = text.partition("\n")
        Console(file=raw(sys.stdout)).print(Text(header, style="bold"), soft_wrap=True)
    print(text)  # noqa: T201
