"""Scripts that replace themselves by a program: shell scripts on POSIX, batch files on Windows."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def exec_script(
    program: Path | str, *arguments: str, comment: str = "", windows: bool = os.name == "nt"
) -> bytes:
    """Return a script that runs `program` with `arguments`, followed by the script's own arguments.

    `comment` is the second line of a shell script, or the first line of a batch file.
    """
    if windows:
        remark = f"@rem {comment}\n" if comment else ""
        words = " ".join([f'"{program}"', *arguments])
        return f"{remark}@{words} %*\n".encode()
    remark = f"# {comment}\n" if comment else ""
    command = shlex.join([str(program), *arguments])
    return os.fsencode(f'#!/bin/sh\n{remark}exec {command} "$@"\n')
