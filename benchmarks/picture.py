"""The pictures in docs/ of a report: what Chromium shows of `jitbuild bench --html`, in light and, named `-dark`, in dark.

    python benchmarks/picture.py REPORT.html docs/bench.png [docs/bench-values.png]

The first is of the page down to the end of its table, the second of the section with every value. Needs a Chromium on PATH, and
playwright and pillow (`pip install --group browser --group charts`).
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from browser import PROGRAMS, find, started

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SCHEMES: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", ""), ("dark", "-dark"))
_WIDTH = 800
_MARGIN = 16
# So many colours are enough for text and marks, and make a file a third as large.
_COLOURS = 128


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("values", type=Path, nargs="?")
    given = parser.parse_args()
    program = find()
    if program is None:
        print(f"error: none of {', '.join(PROGRAMS)} is on PATH", file=sys.stderr)
        return 1
    with started(program) as browser:
        page = browser.new_page(viewport={"width": _WIDTH, "height": 600})
        page.goto(given.report.resolve().as_uri())
        for scheme, ending in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            _take(
                page,
                given.picture.with_stem(given.picture.stem + ending),
                first="main",
                last="#ratios",
            )
            if given.values is not None:
                _take(
                    page,
                    given.values.with_stem(given.values.stem + ending),
                    first="#values",
                    last="#values",
                )
    return 0


def _take(page: Page, target: Path, *, first: str, last: str) -> None:
    """From the top of one element to the bottom of another."""
    top, bottom = (_box(page, selector) for selector in (first, last))
    height = bottom["y"] + bottom["height"] - top["y"] + 2 * _MARGIN
    shot = page.screenshot(
        full_page=True,
        clip={"x": 0, "y": max(top["y"] - _MARGIN, 0), "width": _WIDTH, "height": height},
    )
    _write(shot, target)


def _box(page: Page, selector: str) -> dict[str, Any]:
    found = page.locator(selector).bounding_box()
    if found is None:
        raise SystemExit(
            f"error: the page shows no {selector}: is it a report of `jitbuild bench --html`?"
        )
    return dict(found)


def _write(png: bytes, target: Path) -> None:
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    image.save(target, optimize=True)
    print(f"{target}: {image.width} x {image.height}, {target.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
