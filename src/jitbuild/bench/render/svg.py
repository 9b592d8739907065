"""Write a drawing as SVG: lines, texts and marks, as strings.

Text has the colour of the surrounding page. A mark has a colour and a class (`faster`, `slower` or
`same`), so that a page can set other colours. The colours are those of Okabe and Ito
(jfly.uni-koeln.de/color), darkened or lightened for contrast. Each colour is used with different
shapes, for colour-blind readers.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal

from jitbuild.bench.render.labels import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

Colour = Literal["faster", "slower", "same", "text"]
Shape = Literal["up", "down", "circle", "diamond", "bar", "left", "right"]
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

LIGHT: dict[Colour, str] = {"faster": "#0072b2", "slower": "#b34700", "same": "#6b7280"}
DARK: dict[Colour, str] = {"faster": "#56b4e9", "slower": "#ff8c42", "same": "#9198a1"}

# The path of each shape around its centre. The first part is the start of the path for a radius of
# 1. The second part has the relative moves, in which {r} is the radius and {d} the diameter.
_SHAPES: dict[Shape, tuple[Point, str]] = {
    "up": ((0, -1), "l{r} {d}h-{d}z"),
    "down": ((0, 1), "l{r} -{d}h-{d}z"),
    "left": ((-1, 0), "l{d} -{r}v{d}z"),
    "right": ((1, 0), "l-{d} -{r}v{d}z"),
    "circle": ((-1, 0), "a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0z"),
    "diamond": ((0, -1), "l{r} {r}-{r} {r}-{r}-{r}z"),
    "bar": ((0, -1), "v{d}"),
}


class Drawing:
    """An SVG drawing whose `width` and font size (`font`) are in pixels.

    The origin of coordinates is the upper left corner.
    """

    def __init__(self, width: float, font: float) -> None:
        self.width, self.font = width, font
        self._elements: list[str] = []

    def text(self, at: Point, content: str, *, anchor: Anchor = "start") -> None:
        """Add the text `content`, vertically centred on the point `at`."""
        x, y = at
        place = f'x="{_number(x)}" y="{_number(y)}" dy=".35em"'
        end = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._elements.append(f"<text {place}{end}>{_escaped(content)}</text>")

    def line(
        self, start: Point, end: Point, *, colour: Colour, width: float, opacity: float = 1
    ) -> None:
        """Add a straight line."""
        path = f"M{_number(start[0])} {_number(start[1])}L{_number(end[0])} {_number(end[1])}"
        faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
        self._elements.append(
            f'<path{_colour(colour)} stroke="currentColor" stroke-width="{width:g}"{faint}'
            f' d="{path}"/>'
        )

    def marks(
        self,
        shape: Shape,
        points: Iterable[Point],
        *,
        colour: Colour,
        radius: float,
        filled: bool = True,
    ) -> None:
        """Add marks that look the same at all `points`, as one path."""
        look = 'fill="currentColor"' if filled else 'fill="none" stroke="currentColor"'
        outline = "" if filled else ' stroke-width="1.3"'
        path = "".join(_path(shape, point, radius) for point in points)
        self._elements.append(f'<path{_colour(colour, "mark")} {look}{outline} d="{path}"/>')

    def svg(self, height: float, label: str, *, head: str = "") -> str:
        """Return the drawing as an SVG element for a page; `label` is its accessible name.

        `head` is inserted before the drawing's elements.
        """
        size = f'width="{_number(self.width)}" height="{_number(height)}"'
        box = f'viewBox="0 0 {_number(self.width)} {_number(height)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{_escaped(label)}"'
            f' {size} {box} font-family="system-ui, sans-serif" font-size="{self.font:g}"'
            f' fill="currentColor">{head}\n' + "\n".join(self._elements) + "\n</svg>"
        )


def standalone_head(title: str, description: str) -> str:
    """Return the title, description and style of an SVG file that is shown without a page.

    The style sets a background, so that the drawing can be read on any surroundings. The style
    follows the colour scheme that the reader's system prefers.
    """
    dark = "svg{color:#e6edf3;background:#0d1117}" + colour_rules(DARK)
    style = f"svg{{color:#1f2328;background:#fff}}@media(prefers-color-scheme:dark){{{dark}}}"
    texts = f"<title>{_escaped(title)}</title><desc>{_escaped(description)}</desc>"
    return f"{texts}<style>{style}</style>"


def colour_rules(colours: dict[Colour, str]) -> str:
    """Return the CSS rules that give the marks of drawings these colours."""
    return "".join(f"svg .{name}{{color:{colour}}}" for name, colour in colours.items())


def _colour(colour: Colour, class_: str = "") -> str:
    if colour == "text":
        return f' class="{class_}"' if class_ else ""
    names = " ".join(filter(None, (class_, colour)))
    return f' class="{names}" color="{LIGHT[colour]}"'


def _escaped(text: str) -> str:
    return escape(one_line(text))


def _path(shape: Shape, point: Point, radius: float) -> str:
    (dx, dy), moves = _SHAPES[shape]
    start = f"M{_number(point[0] + dx * radius)} {_number(point[1] + dy * radius)}"
    return start + moves.format(r=_number(radius), d=_number(2 * radius))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
