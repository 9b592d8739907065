"""Make the pictures of a report in docs/, in light and, named `-dark`, in dark.

    python benchmarks/picture.py REPORT.html docs/bench.png [docs/bench-values.png]

REPORT.html comes from `jitbuild bench --html`. The first picture shows the page down to the end of
its table, the second the section with every value. Needs a Chromium on PATH, and playwright and
pillow (`pip install --group browser`).
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from browser import PROGRAMS, find, launch

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SCHEMES: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", ""), ("dark", "-dark"))
_WIDTH = 800
_MARGIN = 16
# Enough for text and marks; the file is much smaller than in full colour.
_COLOURS = 256


def main() -> int:
    """Take the screenshots; return 1 if there is no browser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("values", type=Path, nargs="?")
    options = parser.parse_args()
    program = find()
    if program is None:
        print(f"error: none of {', '.join(PROGRAMS)} is on PATH", file=sys.stderr)
        return 1
    pictures = [(options.picture, "main", "#ratios"), (options.values, "#values", "#values")]
    with launch(program) as browser:
        page = browser.new_page(viewport={"width": _WIDTH, "height": 600})
        page.goto(options.report.resolve().as_uri())
        for scheme, suffix in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for target, first, last in pictures:
                if target is not None:
                    file = target.with_stem(target.stem + suffix)
                    _write(_screenshot(page, first, last), file)
    return 0


def _screenshot(page: Page, first: str, last: str) -> bytes:
    """Return a PNG from the top of one element to the bottom of another."""
    top, bottom = (_box(page, selector) for selector in (first, last))
    height = bottom["y"] + bottom["height"] - top["y"] + 2 * _MARGIN
    clip = {"x": 0, "y": max(top["y"] - _MARGIN, 0), "width": _WIDTH, "height": height}
    # Without playwright installed, as in the types session, this is Any.
    png: bytes = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type, unused-ignore]
    return png


def _box(page: Page, selector: str) -> dict[str, Any]:
    box = page.locator(selector).bounding_box()
    if box is None:
        raise SystemExit(
            f"error: the page has no {selector}: is it a report of `jitbuild bench --html`?"
        )
    return dict(box)


def _write(png: bytes, target: Path) -> None:
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    image.save(target, optimize=True)
    print(f"{target}: {image.width} x {image.height}, {target.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
