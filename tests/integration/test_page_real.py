"""Tests of `jitbuild bench --html` and `--svg` in a browser.

They must request nothing, cause no complaint of the browser, and be readable.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jitbuild.bench import report
from jitbuild.bench.render.charts import standalone
from jitbuild.bench.render.html import html
from jitbuild.bench.stats import ComparisonRule, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
READABILITY = (
    (Path(__file__).parent / "readability.js").read_text(encoding="utf-8").rstrip().rstrip(";")
)
WIDTHS, SCHEMES = (1280, 400), ("light", "dark")
WRONG = ("faint", "pale", "cut", "overlapping", "small", "outside")
LIGHT, DARK = ((255, 255, 255), (31, 35, 40)), ((13, 17, 23), (230, 237, 243))
HOSTILE = (
    "<script>alert(1)</script>",
    "</text></svg></td><img src=x.png onerror=alert(1)>",
    '" onload="alert(1)" \' &amp; &#x3c;',
    "$\\frac{1}{$ $x$",
    "_begins_with_an_underscore",
    "tests/test_of_a_very_long_name.py::TestClass::test_something_" + "very_" * 50 + "long[first]",
    "W" * 200,
    "ベンチマーク" * 12,
    "\N{ROCKET} start \N{SNOWMAN}",
    "control \x00\x1b[31m\n\tcharacters \x7f\u202eevil",
    "half \ud800 a pair",
    "url(http://127.0.0.1:9/x.png) @import",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a running browser; without one skip the test, or fail it in CI."""
    spec = importlib.util.spec_from_file_location("benchmarks_browser", BENCHMARKS / "browser.py")
    assert spec is not None
    assert spec.loader is not None
    browser = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(browser)
    program = browser.find()
    if program is None or importlib.util.find_spec("playwright") is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"needs playwright, and one of {', '.join(browser.PROGRAMS)} on PATH")
    with browser.launch(program) as running:
        yield running


class Watched:
    """A page that records all of its requests and the browser's complaints."""

    def __init__(self, chromium: Any) -> None:
        self.page = chromium.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda message: self.complaints.append(f"{message.type}: {message.text}")
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.on(
            "Network.requestWillBeSent", lambda event: self.requests.append(event["request"]["url"])
        )
        devtools.on("Log.entryAdded", lambda event: self.complaints.append(event["entry"]["text"]))
        # Issues are violations of the policy, quirks mode and other problems of the page.
        devtools.on(
            "Audits.issueAdded", lambda event: self.complaints.append(event["issue"]["code"])
        )
        for domain in ("Network", "Log", "Audits"):
            devtools.send(f"{domain}.enable")

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri(), wait_until="networkidle")

    def look(self, scheme: str, width: int) -> dict[str, Any]:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        return dict(self.page.evaluate(READABILITY))


@pytest.fixture
def watched(chromium: Any) -> Iterator[Watched]:
    page = Watched(chromium)
    yield page
    page.page.context.close()


def sample(rng: random.Random, mean: float, spread: float, rounds: int) -> Sample:
    return Sample(
        processes=tuple(
            tuple(mean * math.exp(rng.gauss(0, spread)) for _ in range(4)) for _ in range(rounds)
        )
    )


def made(
    names: list[str],
    *,
    slowest: float = 0.3,
    fastest: float = 5.0,
    rounds: int = 5,
    spread: float = 0.02,
) -> report.BenchReport:
    """Return a report with ratios from `fastest` to `slowest` and hostile strings everywhere."""
    rng = random.Random(15)
    steps = max(len(names) - 1, 1)
    factors = [fastest * (slowest / fastest) ** (step / steps) for step in range(len(names))]
    base = {name: sample(rng, 10 ** rng.uniform(-7, 1), spread, rounds) for name in names}
    other = {
        name: sample(rng, base[name].mean / factor, spread, rounds)
        for name, factor in zip(names, factors, strict=True)
    }
    function = report.CompiledFunction(
        name="<script>", file="/x/" + "y" * 200 + ".py", line=2, executors=2, bytes=4096
    )
    hot = report.HotFunction(name="<b>", file=function.file, line=3, share=0.5)
    inspections = {
        name: report.JITInspection(compiled=(function,), uncompiled=(hot,)) for name in names[:3]
    }
    rule = ComparisonRule(paired=True)
    rows = report.compare_samples(base, other, rule, inspections=inspections)
    return report.BenchReport(
        rule=rule,
        comparison="modes",
        base="off",
        other="on",
        rows=rows,
        mean=report.mean_of(rows, rule),
        about={
            "kind": "quick",
            "executable": "/home/me/" + "x" * 200,
            **{f"fact {n}": text for n, text in enumerate(HOSTILE)},
        },
        warnings=HOSTILE,
        notes=HOSTILE,
        again="jitbuild bench 3.15 -- " + " ".join(HOSTILE),
    )


MANY = [*HOSTILE, *(f"benchmark_{number}" for number in range(60 - len(HOSTILE)))]
REPORTS = {
    "sixty": made(MANY),
    "one": made(["command"], fastest=1.31),
    "not enough data": made(["one", "two"], rounds=2),
    "no difference": made(MANY[:14], fastest=1.004, slowest=0.997, spread=0.001),
    "much noise": made(MANY[-9:], spread=0.5),
    "files": dataclasses.replace(
        made(MANY[-20:]), comparison="files", base=HOSTILE[6], other=HOSTILE[1], again=""
    ),
    "far": made(MANY[-5:], fastest=3e5, slowest=1e-4),
}


def test_problems_of_a_page_are_detected(watched: Watched, tmp_path: Path) -> None:
    """A negative control: each problem that the other tests look for is found where it is."""
    policy = "<meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\">"
    body = "<p style='color:#999;width:2000px'>faint</p><script>1</script><img src='no-such.png'>"
    drawn = (
        "<svg width=50 height=50><text x=0 y=15>one one one one</text><text x=5 y=18>two</text>"
        "<text x=0 y=40 font-size=5>three</text>"
        "<path class=mark style='fill:#ccc' d='M 0 45 h 2'/></svg>"
    )
    (tmp_path / "x.html").write_text(
        f"<!doctype html><title>x</title>{policy}{body}{drawn}", encoding="utf-8"
    )
    watched.open(tmp_path / "x.html")
    seen = watched.look("light", 400)
    assert len(watched.requests) == 2
    assert any("script-src" in complaint for complaint in watched.complaints)
    assert any("ContentSecurityPolicyIssue" in complaint for complaint in watched.complaints)
    assert seen["width"] > 400
    assert {kind: len(seen[kind]) for kind in WRONG} == dict.fromkeys(WRONG, 1)


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_readable_and_requests_nothing(
    watched: Watched, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(html(REPORTS[name]), encoding="utf-8")
    watched.open(path)
    for scheme in SCHEMES:
        for width in WIDTHS:
            seen = watched.look(scheme, width)
            wrong = {kind: seen[kind] for kind in WRONG if seen[kind]}
            assert not wrong, (scheme, width)
            assert seen["width"] <= width, (scheme, width)
            assert seen["texts"] > 20
            assert seen["marks"] > 2
            assert watched.page.get_by_role("img").count() == 2
            for label in ("Ratios of", "Every value of"):
                assert watched.page.get_by_role("img", name=re.compile(f"^{label}")).count() == 1
    assert watched.requests == [path.as_uri()]
    assert watched.complaints == []
    assert watched.page.evaluate("document.scripts.length + document.images.length") == 0


@pytest.mark.parametrize("name", REPORTS)
def test_the_standalone_chart_is_readable_and_requests_nothing(
    watched: Watched, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "report.svg"
    path.write_text(standalone(REPORTS[name]), encoding="utf-8")
    watched.open(path)
    for scheme, colours in zip(SCHEMES, (LIGHT, DARK), strict=True):
        seen = watched.look(scheme, 1280)
        wrong = {kind: seen[kind] for kind in WRONG if seen[kind]}
        assert not wrong, scheme
        assert seen["texts"] >= 5
        assert close(shown(watched), colours)
    assert watched.requests == [path.as_uri()]
    assert watched.complaints == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("declared", ["light", "dark", "light dark"])
def test_the_standalone_chart_is_readable_in_any_page(
    watched: Watched, tmp_path: Path, scheme: str, declared: str
) -> None:
    svg, path = tmp_path / "report.svg", tmp_path / "readme.html"
    svg.write_text(standalone(REPORTS["much noise"]), encoding="utf-8")
    style = f":root {{ color-scheme: {declared} }} body {{ margin: 0 }}"
    head = f"<!doctype html><title>x</title><style>{style}</style>"
    path.write_text(
        f"{head}<link rel=icon href=data:,><img src=report.svg alt=chart>", encoding="utf-8"
    )
    watched.open(path)
    watched.look(scheme, 1280)
    assert watched.page.evaluate("document.images[0].naturalWidth") > 600
    assert close(shown(watched), LIGHT) or close(shown(watched), DARK)
    assert watched.requests == [path.as_uri(), svg.as_uri()]
    assert watched.complaints == []


@pytest.mark.usefixtures("chromium")
def test_the_pictures_of_the_docs_are_made_in_light_and_dark(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "report.html").write_text(html(REPORTS["much noise"]), encoding="utf-8")
    argv = [sys.executable, BENCHMARKS / "picture.py", "report.html", "bench.png", "values.png"]
    subprocess.run(argv, cwd=tmp_path, check=True)
    for name in ("bench", "values"):
        light, dark = (
            Image.open(io.BytesIO((tmp_path / f"{name}{end}.png").read_bytes())).convert("RGB")
            for end in ("", "-dark")
        )
        assert light.size == dark.size
        assert light.width == 800
        assert math.dist(light.getpixel((1, 1)), LIGHT[0]) < 4
        assert math.dist(dark.getpixel((1, 1)), DARK[0]) < 4


def close(colours: tuple[tuple[int, ...], ...], expected: tuple[tuple[int, ...], ...]) -> bool:
    """Return True if colours are equal, except for the smoothed edges of letters."""
    return all(math.dist(one, other) < 4 for one, other in zip(colours, expected, strict=True))


def shown(watched: Watched) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the background, which is the colour at the upper left, and the text's colour."""
    from PIL import Image

    image = Image.open(io.BytesIO(watched.page.screenshot())).convert("RGB").crop((0, 0, 600, 500))
    ground = image.getpixel((2, 2))
    colours = [colour for _, colour in image.getcolors(image.width * image.height)]
    return ground, max(colours, key=lambda colour: math.dist(colour, ground))
