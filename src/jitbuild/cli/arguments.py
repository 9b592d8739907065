"""Arguments that several commands share, and the values that their options make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild.api import read_patch
from jitbuild.request import Axes

if TYPE_CHECKING:
    import argparse


def stated_axes(options: argparse.Namespace) -> Axes:
    """Return the axes that the command line states. Raises UsageError for an unreadable patch."""
    return Axes(
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=tuple(options.configure_arg),
        patches=tuple(map(read_patch, options.patch)),
        includes=tuple(sorted({*options.include})),
    )
