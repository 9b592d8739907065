"""The command line of builds.py."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

PARTS = ("cold", "plain", "reinstall", "second", "four", "release")


def parse(docstring: str | None) -> argparse.Namespace:
    """Parse the command line; the namespace has the `parts` to run as a set."""
    parser = argparse.ArgumentParser(
        description=(docstring or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_builds(parser)
    _add_tools(parser)
    _add_output(parser)
    options = parser.parse_args()
    options.parts = set(options.only.split(","))
    if unknown := options.parts - set(PARTS):
        parser.error(f"--only: there is no part {', '.join(sorted(unknown))}")
    if not options.python_build:
        parser.error("python-build is not on PATH: name it with --python-build")
    return options


def _add_builds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        default="cold,plain,reinstall,second,four",
        help=f"parts to run, of {','.join(PARTS)}",
    )
    parser.add_argument("--version", default="3.13.15", help="the release to build")
    parser.add_argument("--other", default="3.13.5", help="the second release of `four`")
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often everything is run; medians are compared"
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count(), help="jobs at once, on both sides"
    )


def _add_tools(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ccache", choices=("managed", "auto", "off"), help="passed to jitbuild install"
    )
    parser.add_argument(
        "--llvm",
        default="auto",
        help="passed to jitbuild install; python-build gets the same LLVM on PATH",
    )
    parser.add_argument(
        "--archive",
        type=Path,
        action="append",
        default=[],
        help="a local archive of a release, under any name",
    )
    parser.add_argument(
        "--mirror",
        default=os.environ.get("JITBUILD_MIRROR"),
        help="the origin of archives, as for jitbuild install",
    )
    parser.add_argument(
        "--python-build",
        default=os.environ.get("PYTHON_BUILD") or shutil.which("python-build"),
        help="the program; PYTHON_BUILD names it too",
    )
    parser.add_argument(
        "--disable-shared",
        action="store_true",
        help="run python-build without --enable-shared, as jitbuild builds",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--work",
        type=Path,
        help="a folder to keep, with logs and downloads; by default a temporary one",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements to FILE")
