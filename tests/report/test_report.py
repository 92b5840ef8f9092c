"""``report``: one HTML file of a sweep or a run, held against the records, and used in a real Chromium."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nnexp.commands import subcommands
from nnexp.report.axes import of_epochs, positions, ticks
from nnexp.report.page import Chart, Grid, Section, page
from tests.browser import chromium, until
from tests.command import nnexp, result, runs, sweeps

HOSTILE = "<img src=x onerror=window.hacked=1>"
"""A name that would like to be HTML."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the report of a sweep over seeds in which a run diverged, that of a run, and those of hostile names."""
    made = tmp_path_factory.mktemp("place")
    words = ("dataset=diabetes", "epochs=4", "tracking=none")
    nnexp("-m", *words, "optimizer.learning_rate=0.1,0.02,1e9", "seed=0,1", cwd=made)
    assert nnexp("dataset=wine", "epochs=3", "split.test=0.2", "tracking=none", cwd=made).code == 0
    rows = "".join(f"{i},{i % 7},{[HOSTILE, 'b'][i % 2]}\n" for i in range(40))
    (made / f"{HOSTILE}.csv").write_text(f"{HOSTILE},</script><script>window.hacked=1</script>,class\n{rows}")
    hostile = ("dataset=csv", "dataset.target=class", "epochs=2", "tracking=none")
    table = f"dataset.path='{HOSTILE}.csv'"
    assert nnexp(*hostile, table, "hydra.run.dir=hostile", cwd=made).code == 0
    shutil.copy(made / f"{HOSTILE}.csv", made / "b.csv")
    assert nnexp("-m", *hostile, f"{table},b.csv", cwd=made).code == 0
    sweep, odd = (str(each) for each in sweeps(made))
    ended = nnexp("report", sweep, "-o", "sweep.html", cwd=made)
    assert ended.code == 0, ended.err
    with contextlib.chdir(made):  # the same in this process, which has the chart's JavaScript after the first
        for what, name in ((str(runs(made)[0]), "run"), ("hostile", "odd"), (odd, "oddsweep")):
            subcommands.main(["report", what, "-o", f"{name}.html"])
    return made


class Tables(HTMLParser):
    """The tables of a page, by their captions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._tag = ""
        self._caption = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag if tag != "wbr" else self._tag
        if tag == "tr":
            self.found[self._caption].append([])
        if tag in ("td", "th"):
            self.found[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "caption":
            self._caption = data
            self.found[data] = []
        if self._tag in ("td", "th"):
            self.found[self._caption][-1][-1] += data


def tables(place: Path, name: str) -> dict[str, list[list[str]]]:
    """The tables of a report."""
    read = Tables()
    read.feed((place / f"{name}.html").read_text())
    return read.found


def test_a_sweeps_tables_are_its_records(place: Path) -> None:
    """The runs are ranked as their ``result.json`` say, those that diverged have their reason, and it is said if it is luck."""
    found = tables(place, "sweep")
    (caption,) = [name for name in found if name.startswith("Runs, best first by cost/validation")]
    costs = {}
    for job in range(6):
        told = result(sweeps(place)[0] / str(job))
        if told["status"] == "FINISHED":
            costs[job] = told["metrics"]["cost/validation"]
    best_first = sorted(costs, key=lambda job: costs[job])
    assert [row[1] for row in found[caption][1:]] == [f"#{job}" for job in best_first]
    assert [row[3] for row in found[caption][1:]] == [f"{costs[job]:.4g}" for job in best_first]
    failed = found["Runs without a result"]
    assert {row[1] for row in failed[1:]} == {"diverged"}
    assert "diverged at epoch" in failed[1][3]
    text = (place / "sweep.html").read_text()
    assert "Is it luck?" in text
    assert "python -m nnexp -m dataset=diabetes" in text
    assert "digest" in text


def test_a_runs_tables_are_its_records(place: Path) -> None:
    """Metrics of all parts, the confusion matrix in numbers, the configuration, and pictures with words."""
    found = tables(place, "run")
    told = result(runs(place)[0])
    metrics = {row[0]: row[1] for row in found["Metrics"][1:]}
    assert metrics == {name: f"{value:.4g}" for name, value in told["metrics"].items()}
    matrix = found["Actual classes (rows) and predicted ones (columns), validation"]
    right, every = (
        sum(int(row[place]) for place, row in enumerate(matrix[1:], 1)),
        sum(int(cell) for row in matrix[1:] for cell in row[1:]),
    )
    assert right / every == pytest.approx(told["metrics"]["accuracy/validation"])
    assert dict(row for row in found["Each key as it was resolved"][1:])["dataset"] == "wine"
    assert re.search(r'<img alt="confusion: [^"]+" src="data:image/png;base64,', (place / "run.html").read_text())


def test_nothing_is_fetched(place: Path) -> None:
    """Nothing in a report leads to a network: no source but data, and a policy that allows none."""
    for name in ("sweep", "run"):
        text = (place / f"{name}.html").read_text()
        head = text[: text.index("<script")]
        assert "default-src 'none'" in head
        assert set(re.findall(r'(?:src|href)="(\w+:)', head)) <= {"data:"}
        assert len(text) < 6e6


def test_names_are_text(place: Path) -> None:
    """Names with HTML in them are escaped wherever they stand, in the chart's data, too."""
    for name in ("odd", "oddsweep"):
        text = (place / f"{name}.html").read_text()
        assert HOSTILE not in text
        assert "<script>window.hacked" not in text
    found = tables(place, "odd")
    assert HOSTILE in found["Actual classes (rows) and predicted ones (columns), validation"][0]


def test_numbers_that_are_not_finite_are_left_out() -> None:
    """A page's data are JSON that every browser reads."""
    with pytest.raises(ValueError, match="Out of range"):
        page("t", "", [Section("s", [Chart({"a": float("nan")}, "")])])
    assert "nan" in page("t", "", [Section("s", [Grid("c", ["a"], [["nan"]])])])


def test_epochs_are_whole_numbers() -> None:
    """Of few epochs each is marked, of many those that Vega chooses, at least one apart."""
    assert of_epochs(3)["axis"]["values"] == [1, 2, 3]
    assert "values" not in of_epochs(100)["axis"]
    assert of_epochs(100)["axis"]["tickMinStep"] == 1


def test_a_logarithmic_axis_is_marked_at_round_numbers() -> None:
    """At 1, 2 and 5 times powers of ten, over many powers at these alone; an axis that is not logarithmic is left to Vega."""
    assert ticks([0.09, 1.5])["values"] == [0.1, 0.2, 0.5, 1]
    assert ticks([1e-6, None, 1e3])["values"] == [float(f"1e{power}") for power in range(-6, 4)]
    assert ticks([0.2, 1e88])["values"] == [
        float(f"1e{power}") for power in range(8, 81, 9)
    ]  # words that do not overlap
    assert ticks([0.5, 0.9]) == ticks([]) == {}


def test_axes_of_what_was_varied() -> None:
    """Numbers lie by size, over wide spans by their logarithms, words evenly, what is not there nowhere."""
    assert positions([0.0, 5.0, 10.0]) == [0, 0.5, 1]
    assert positions([0.01, 0.1, 1.0]) == pytest.approx([0, 0.5, 1])
    assert positions(["relu", "tanh", "relu", "elu"]) == [0, 0.5, 0, 1]
    assert positions([1, None, 3]) == [0, None, 1]
    assert positions([2, 2]) == [0.5, 0.5]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def opened(browser: Any, place: Path, name: str) -> Any:
    """A report in the browser, drawn."""
    browser.get((place / f"{name}.html").as_uri())
    until(lambda: browser.execute_script("return document.getElementById('chart')?.dataset.drawn"))
    return browser


CURVES = """
return [...document.querySelectorAll('#chart g.mark-line path')].map(each => [
  each.__data__.datum.run ?? each.__data__.items?.[0]?.datum.run, getComputedStyle(each).opacity])
"""


def test_the_chart_has_a_curve_and_a_line_for_each_run(browser: Any, place: Path) -> None:
    """Four runs finished: four curves and four lines of what was varied, without a word in the console."""
    opened(browser, place, "sweep")
    assert len(browser.execute_script(CURVES)) == 8
    assert browser.get_log("browser") == []


def test_pointing_clicking_and_hiding(browser: Any, place: Path) -> None:
    """A row that is pointed at shows its curve, one that is clicked keeps it, and the box hides all others."""
    from selenium.webdriver import ActionChains

    opened(browser, place, "sweep")
    first, *_ = browser.find_elements("css selector", "#chart g.mark-symbol.rows_marks path, #chart g.rows_marks path")
    run = browser.execute_script("return arguments[0].__data__.datum.run", first)

    def opacities() -> dict[bool, set[float]]:
        found: dict[bool, set[float]] = {True: set(), False: set()}
        for of, opacity in browser.execute_script(CURVES):
            found[of == run].add(round(float(opacity), 2))
        return found

    ActionChains(browser).move_to_element(first).perform()
    until(lambda: opacities()[True] == {1})
    heading = browser.find_element("tag name", "h1")
    ActionChains(browser).click(first).move_to_element(heading).perform()
    until(lambda: opacities()[True] == {0.85} and max(opacities()[False]) <= 0.1)
    box = browser.find_element("css selector", ".vega-bindings input")
    box.click()
    until(lambda: opacities()[False] == {0})
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", ["odd", "oddsweep"])
def test_no_script_of_a_strangers_runs(browser: Any, place: Path, name: str) -> None:
    """Names are seen as they are, and nothing in them was run, in tables, titles and tooltips."""
    from selenium.webdriver import ActionChains

    opened(browser, place, name)
    for mark in browser.find_elements("css selector", "#chart g.rows_marks path"):
        ActionChains(browser).move_to_element(mark).perform()
        until(lambda: browser.find_elements("css selector", "#vg-tooltip-element.visible"))
        assert browser.find_elements("css selector", "#vg-tooltip-element img") == []
    assert browser.execute_script("return window.hacked") is None
    assert HOSTILE in browser.find_element("tag name", "body").text
    assert browser.get_log("browser") == []


def test_a_screen_reader_gets_the_tables(browser: Any, place: Path) -> None:
    """The accessibility tree has the headings, each table by its caption, and the pictures by their words."""
    opened(browser, place, "run")
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if "role" in node}
    assert {("heading", "Result"), ("heading", "What was learnt"), ("table", "Metrics")} <= named
    assert any(role == "image" and name.startswith("confusion: ") for role, name in named)
    assert {("region", "Metrics")} <= named


def test_it_fits_a_phone(place: Path) -> None:
    """390 pixels wide, nothing has to be pushed sideways but what lies in a frame of its own."""
    with chromium(390, 844) as phone:
        for name in ("sweep", "run"):
            opened(phone, place, name)
            assert phone.execute_script("return document.documentElement.scrollWidth") <= 390


def test_it_fits_a_sheet_of_paper(browser: Any, place: Path) -> None:
    """Printed from a wide window, chart and tables are as wide as the sheet, and no column's name is broken in a word."""
    opened(browser, place, "sweep")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    sheet = {"width": 700, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sheet)
    assert browser.execute_script("return document.querySelector('#chart svg').getBoundingClientRect().right") <= 700
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 700
    lines = """
        const lines = th => { const range = document.createRange(); range.selectNodeContents(th);
          return new Set([...range.getClientRects()].map(each => Math.round(each.top))).size; };
        return [...document.querySelectorAll("th")].map(th => [th.textContent, lines(th)]);"""
    heads = browser.execute_script(lines)
    assert len(heads) > 10
    assert [head for head, found in heads if found > len(re.split("[ /]", head))] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_report_true_keeps_one_with_the_run(tmp_path: Path) -> None:
    """A run has it in its directory and among its artifacts, a sweep in its directory and with its best run; not in the key."""
    words = ("dataset=wine", "epochs=2", "report=true")
    ended = nnexp(*words, "hydra.run.dir=r", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "report   r/report.html"
    assert "<h1>Run: dataset=wine" in (tmp_path / "r" / "report.html").read_text()
    ended = nnexp("-m", *words, "seed=0,1", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "<h1>Sweep: dataset=wine" in (sweeps(tmp_path)[0] / "report.html").read_text()
    kept = sorted(tmp_path.glob("outputs/artifacts/**/report.html"))
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere/x"], "'nowhere/x' holds neither a run nor a model."),
        (["outputs"], "'outputs' is no run."),
        (["hostile", "-o", "x.pdf"], "-o x.pdf: the name must end in .html. Type -o x.html"),
        (["hostile", "-o", "no/such/x.html"], "Cannot write 'no/such/x.html'"),
    ],
)
def test_refusals(place: Path, words: list[str], said: str) -> None:
    """What is no sweep and no run, and where a file cannot be; nothing is written."""
    ended = nnexp("report", *words, cwd=place)
    assert ended.code == 1
    assert said in ended.err


@pytest.mark.parametrize("named", [(), ("-o", "report.html")])
def test_a_report_that_is_there_is_kept(named: tuple[str, ...], place: Path, tmp_path: Path) -> None:
    """A file that is there is written over with ``--replace`` alone."""
    (tmp_path / "report.html").write_text("mine")
    ended = nnexp("report", str(place / "hostile"), *named, cwd=tmp_path)
    assert ended.code == 1
    assert "'report.html' is there already. To write over it add --replace" in ended.err
    assert (tmp_path / "report.html").read_text() == "mine"
    assert nnexp("report", str(place / "hostile"), *named, "--replace", cwd=tmp_path).code == 0
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_sweep_that_lost_its_manifest(place: Path, tmp_path: Path) -> None:
    """It is the manifest that is missing, and that is named, with what can be typed of the runs that are there."""
    (tmp_path / "copy").mkdir()
    shutil.copytree(runs(place)[0], tmp_path / "copy" / "0")
    ended = nnexp("report", "copy", cwd=tmp_path)
    assert ended.code == 1
    assert "'copy' has runs and no manifest.json" in ended.err
    assert "type python -m nnexp results copy for all runs, python -m nnexp report copy/0 for one" in ended.err


@pytest.mark.parametrize("journal", [b"", b'{"opened": {"id"', b"\x00\xff\xfe", b'{"epoch": 1}\n'])
def test_a_run_that_cannot_be_read_is_refused(journal: bytes, tmp_path: Path) -> None:
    """A named run whose journal is torn, or is none, has no report."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").write_bytes(journal)
    ended = nnexp("report", "run", cwd=tmp_path)
    assert ended.code == 1
    assert "run" in ended.err
    assert not (tmp_path / "report.html").exists()
