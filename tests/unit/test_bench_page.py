"""Tests of the HTML page and the SVG chart of a whole report."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from bench_fakes import report

from jitbuild.bench.render.charts import standalone
from jitbuild.bench.render.html import html


@pytest.mark.parametrize(
    "measured", [report(1.5, 0.9, 1.0, 1.1), report(1.5), report(1.5, rounds=1)]
)
def test_a_chart_is_complete_and_takes_the_colours_of_the_page(measured):
    drawn = standalone(measured)
    ET.fromstring(drawn)
    assert "currentColor" in drawn
    assert "prefers-color-scheme" in drawn
    assert "1.50x" in drawn
    assert drawn == standalone(measured)


def test_a_page_requests_nothing_and_escapes_everything():
    whole = html(report(1.5, 0.9, 1.0, 1.1))
    outside = set(re.findall(r"""(?:src|href)\s*=\s*["']([^"'#][^"']*)""", whole))
    assert outside == {"data:,"}
    assert not re.search(r"url\((?!#)|@import|<script|<iframe", whole)
    assert "default-src &#x27;none&#x27;" in whole or "default-src 'none'" in whole
    assert "A &lt;script&gt;." in whole
    assert "&lt;b&gt;&amp;" in whole
    ids = re.findall(r'\bid="([^"]+)"', whole)
    shared = {name for name in ids if ids.count(name) > 1}
    assert not {name for name in shared if f"#{name}" in whole}
