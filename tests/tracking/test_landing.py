"""``ui SWEEP|RUN``: where MLflow's own page lands, in a real Chromium and a real server of MLflow's."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nnexp.commands import ui as command
from nnexp.errors import NnexpError
from nnexp.tracking import landing, ui
from nnexp.tracking.store import Store
from tests.browser import chromium, until
from tests.command import nnexp, process, runs, sweeps

OWN = ("users/current", "ResizeObserver loop")
"""What MLflow's page says of itself, whatever it shows: it asks for accounts, which such a server has none of."""
LINES = """
return [...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.data.filter(
    each => each.mode === 'lines+markers' && each.x.length > 1).length)
"""
"""Of each chart the curves with points; each has a second line, for smoothing, and a band where it is a mean."""
ROWS = "return document.querySelectorAll('.ag-center-cols-container .ag-row').length"


class Place(NamedTuple):
    """A directory with two sweeps and a run in one experiment, under MLflow's own pages."""

    directory: Path
    seeds: Path
    """Two learning rates by three seeds."""
    many: Path
    """Twelve learning rates."""
    link: str
    """Where ``ui`` lands for ``seeds``."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The server is started by the command itself."""
    made = tmp_path_factory.mktemp("place")
    words = ("dataset=diabetes", "epochs=3", "tracking.experiment=mine")
    rates = ",".join(str(each / 100) for each in range(1, 13))
    for typed in ("optimizer.learning_rate=0.1,0.02 seed=0,1,2", f"optimizer.learning_rate={rates}"):
        assert nnexp("-m", *words, *typed.split(), cwd=made).code == 0
    assert nnexp(*words, cwd=made).code == 0
    seeds, many = sorted(sweeps(made), key=lambda each: len(list(each.iterdir())))
    served = process("ui", str(seeds), "--port", str(ui.free_port(5300)), cwd=made)
    try:
        assert served.stdout is not None
        lines = iter(served.stdout.readline, "")
        yield Place(made, seeds, many, next(line.strip() for line in lines if line.startswith("http")))
    finally:
        served.terminate()
        served.communicate(timeout=30)


def landed(place: Place, word: str) -> str:
    """The link of ``ui WORD`` on the server that runs."""
    given = command.parser().parse_args([word])
    with contextlib.chdir(place.directory):
        _, suffix = command.landing(given)
    return place.link.partition("/#")[0] + suffix


def errors(page: Any) -> list[str]:
    """What the page's console has against it."""
    said = [each["message"] for each in page.get_log("browser") if each["level"] == "SEVERE"]
    return [each for each in said if not any(own in each for own in OWN)]


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A browser that knows MLflow's page once it has seen it."""
    with chromium(1500, 1200) as started:
        yield started


def test_a_sweeps_page_shows_its_runs_alone_and_a_curve_for_each_setting(place: Place, page: Any) -> None:
    """Seeds are one curve, the mean; of twelve runs all are visible, not the first ten; nothing is in the console."""
    page.get(place.link)
    until(lambda: (page.execute_script(LINES) or [0])[0] == 2, 180)
    assert page.execute_script(ROWS) == 2 + 6
    shown = page.find_element("tag name", "body").text
    assert "6 matching runs" in shown
    assert "Group by: optimizer.learning_rate" in shown
    sections = page.find_elements("css selector", "[data-testid=experiment-view-compare-runs-section-header]")
    assert [each.text.split()[0] for each in sections][:2] == ["curves", "what"]
    page.get("about:blank")  # else the page that is there would change its address once more
    page.get(landed(place, str(place.many)))
    until(lambda: (page.execute_script(LINES) or [0])[0] == 12, 180)
    assert "12 matching runs" in page.find_element("tag name", "body").text
    assert errors(page) == []


def test_a_runs_page_shows_its_curves(place: Place, page: Any) -> None:
    """A run's directory, and the id that MLflow gave it, land on the page of its metrics."""
    (directory,) = runs(place.directory)
    page.get("about:blank")
    page.get(landed(place, str(directory.relative_to(place.directory))))
    until(lambda: 1 in page.execute_script(LINES), 180)
    assert errors(page) == []


def test_what_the_page_is_to_show_is_kept_once_for_each_sweep(place: Place) -> None:
    """In a tag of the experiment, the form of MLflow's Share button; landing again makes no other one."""
    store = Store.connect(None, "mine", place.directory / "outputs", existing=True)

    def shared() -> dict[str, str]:
        found = store.client.get_experiment(store.experiment_id).tags
        return {key: value for key, value in found.items() if key.startswith(landing.SHARED)}

    first, _ = landing.of_sweep(store, place.seeds.name)
    before = shared()
    assert landing.of_sweep(store, place.seeds.name)[0] == first
    assert shared() == before
    text = before[landing.SHARED + first.partition("viewStateShareKey=")[2].partition("&")[0]]
    state = json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))
    assert state["selectedColumns"] == [
        "attributes.`Duration`",
        *(f"metrics.`{name}`" for name in ("cost/validation", "cost/train", "mae/validation", "r2/validation")),
        "params.`optimizer.learning_rate`",
        "params.`seed`",
    ]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`cost/validation`", True)


def test_what_mlflow_does_not_have_is_refused(place: Place) -> None:
    """One line each, with what to type: no sweep or run, runs that were kept from MLflow, an unknown name."""
    assert nnexp("dataset=diabetes", "epochs=1", "tracking=none", "hydra.run.dir=alone", cwd=place.directory).code == 0
    for word, words in (
        ("outputs", "neither a run's directory nor a sweep's"),
        ("alone", r"tracking=none\)\. Its page without MLflow: python -m nnexp report alone"),
        ("outputs/nothing", "No directory"),
    ):
        with pytest.raises(NnexpError, match=words):
            landed(place, word)


def test_a_port_that_browsers_do_not_open_is_passed_over() -> None:
    """5060 and 5061 are for telephony: Chromium answers ERR_UNSAFE_PORT there."""
    assert ui.free_port(5060) >= 5062
