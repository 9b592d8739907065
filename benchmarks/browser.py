"""A Chromium that is here, driven by playwright: for the pictures in docs/, and for the tests of what it shows."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It is to ask for nothing on its own. It opens no pages but ours, and root cannot have it with the sandbox.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """The program, if there is one on PATH."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def started(program: str) -> Iterator[Browser]:
    """Without a window, and with a profile of its own that is gone afterwards; playwright's own browsers are not asked for."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
