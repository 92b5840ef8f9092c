"""A real Chromium, started by selenium; without one the tests that need it are skipped and say so."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

REQUIRED = bool(os.environ.get("NNEXP_REQUIRE_CHROMIUM"))
"""Whether a skip is a failure."""

FLAGS = (
    *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"),
    # What nobody looks at: waiting circles that turn, and what is asked of the network.
    *(
        "force-prefers-reduced-motion",
        "disable-extensions",
        "disable-background-networking",
        "disable-component-update",
    ),
    *("disable-sync", "no-first-run", "disable-features=Translate,MediaRouter,OptimizationHints", "mute-audio"),
)


@contextlib.contextmanager
def chromium(width: int = 1100, height: int = 900) -> Iterator[Any]:
    """A browser without a window of its own, as wide as a page is to be."""
    browser, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not (browser and driver):
        if REQUIRED:
            pytest.fail("chromium and chromedriver are to be installed, and are not")
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for each in FLAGS:
        options.add_argument(f"--{each}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        started.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield started
    finally:
        started.quit()


def until(condition: Any, seconds: float = 30) -> Any:
    """Wait until ``condition`` gives something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "the page never came to what it was waited for"
        time.sleep(0.05)
    return found
