"""The charts of a report, as specifications of Vega-Lite: data, marks, and what is linked by hovering and clicking.

Names are data everywhere: fields are called by nnexp, so that no stranger's name is read as an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnexp.comparison.rows import as_values
from nnexp.journal.facts import Facts
from nnexp.report.axes import Spec, label, marks, of_epochs, positions, scale, shown, thinning, ticks
from nnexp.run.identity import short

MOST_ROWS = 40
"""Rows of the chart of runs; a table has all of them."""
MOST_COLORS = 10
NEUTRAL = "#767676"
"""Readable on white and on black."""
VIEWS = ["curves", "rows", "axes"]


def of_sweep(runs: Sequence[tuple[int, str, str, Facts]], metric: str, keys: Sequence[str]) -> Spec:
    """Curves, runs and parallel coordinates of a sweep, linked: each run is (number, name, setting, facts), best first.

    ``metric`` compares them; ``keys`` are what was varied.
    """
    every = thinning(sum(run.epochs for *_, run in runs))
    settings = list(dict.fromkeys(setting for _, _, setting, _ in runs))
    color: Spec = {"field": "place", "type": "quantitative", "title": "place", "scale": {"scheme": "viridis"}}
    if len(settings) <= MOST_COLORS:
        color = {"field": "setting", "type": "nominal", "title": None, "sort": settings, "legend": {"orient": "bottom"}}
        color["legend"] |= {"columns": 2, "labelLimit": 320}
    facts = [
        {"run": number, "name": name, "setting": setting, "place": place, "value": shown(run.final.get(metric))}
        for place, (number, name, setting, run) in enumerate(runs, 1)
    ]
    points = [
        {**fact, "epoch": epoch, "at": shown(value)}
        for fact, (*_, run) in zip(facts, runs, strict=True)
        for epoch, value in enumerate(run.history.get(metric, ()), 1)
        if epoch % every == 0 or epoch in (1, run.epochs)
    ]
    return {
        **base(),
        "data": {"name": "runs", "values": facts},
        "params": [
            {"name": "over", "select": hovering(), "views": VIEWS},
            {"name": "picked", "select": {"type": "point", "fields": ["run"], "toggle": "true"}, "views": VIEWS},
            {"name": "only", "value": False, "bind": {"input": "checkbox", "name": "hide all but what was clicked "}},
        ],
        "vconcat": [
            curves(points, metric, color),
            rows(facts[:MOST_ROWS], metric, color),
            *([parallel(runs, metric, keys, color)] if keys else []),
        ],
        "resolve": {"scale": {"color": "shared"}},
    }


def base() -> Spec:
    """What all charts have in common."""
    text = {"labelColor": NEUTRAL, "titleColor": NEUTRAL}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "config": {
            "axis": {**text, "gridColor": NEUTRAL, "gridOpacity": 0.25, "domainColor": NEUTRAL, "tickColor": NEUTRAL},
            "legend": text,
            "title": {"color": NEUTRAL, "subtitleColor": NEUTRAL, "anchor": "start"},
            "header": text,
            "view": {"stroke": NEUTRAL, "strokeOpacity": 0.4},
        },
    }


def hovering() -> Spec:
    """What is under the pointer."""
    return {"type": "point", "fields": ["run"], "on": "pointerover", "clear": "pointerout"}


def linked(faint: float) -> Spec:
    """Opaque where the pointer is or what was clicked, all of it where nothing was; the rest is faint, or hidden."""
    return {
        "condition": [
            {"param": "over", "empty": False, "value": 1},
            {"param": "picked", "value": 0.85},
        ],
        "value": {"expr": f"only ? 0 : {faint}"},
    }


def width(wide: float) -> Spec:
    """Thicker under the pointer."""
    return {"condition": {"param": "over", "empty": False, "value": 2.5 * wide}, "value": wide}


def curves(points: list[Spec], metric: str, color: Spec) -> Spec:
    """The metric by epoch."""
    return {
        "name": "curves",
        "title": f"{metric} by epoch",
        "height": 280,
        "data": {"values": points},
        "mark": {"type": "line", "clip": True, "strokeJoin": "round"},
        "encoding": {
            "x": of_epochs(max((each["epoch"] for each in points), default=1)),
            "y": {
                "field": "at",
                "type": "quantitative",
                "title": metric,
                "scale": scale([each["at"] for each in points]),
                "axis": ticks([each["at"] for each in points]),
            },
            "color": color,
            "detail": {"field": "run"},
            "opacity": linked(0.1),
            "strokeWidth": width(1.4),
            "tooltip": tooltip({"name": "run", "epoch": "epoch", "at": metric}),
        },
    }


def rows(facts: list[Spec], metric: str, color: Spec) -> Spec:
    """The runs, best first."""
    axis = {"labelLimit": 260, "title": None, "grid": True}
    return {
        "name": "rows",
        "title": f"{metric} of each run, best first"
        if len(facts) < MOST_ROWS
        else f"{metric} of the best {MOST_ROWS} runs",
        "height": {"step": 15},
        "data": {"values": facts},
        "mark": {"type": "circle", "size": 70, "cursor": "pointer"},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": [each["name"] for each in facts], "axis": axis},
            "x": {
                "field": "value",
                "type": "quantitative",
                "title": metric,
                "scale": {**scale([each["value"] for each in facts]), "padding": 12},
                "axis": ticks([each["value"] for each in facts]),
            },
            "color": color,
            "opacity": linked(0.1),
            "size": {"condition": {"param": "over", "empty": False, "value": 200}, "value": 70},
            "tooltip": tooltip({"name": "run", "value": metric}),
        },
    }


def parallel(runs: Sequence[tuple[int, str, str, Facts]], metric: str, keys: Sequence[str], color: Spec) -> Spec:
    """Parallel coordinates: an axis for each key that was varied, and the metric; a line for each run (Inselberg, 1985)."""
    names = [each.rstrip("=") for each in short([f"{key}=" for key in keys])]
    columns = {
        name: as_values([run.params.get(key) for *_, run in runs]) for name, key in zip(names, keys, strict=True)
    }
    columns[metric] = [run.final.get(metric) for *_, run in runs]
    places = {key: positions(values) for key, values in columns.items()}
    lines = [
        {
            "run": number,
            "name": name,
            "setting": setting,
            "place": place,
            "key": key,
            "at": places[key][place - 1],
            "label": label(columns[key][place - 1]),
        }
        for place, (number, name, setting, _) in enumerate(runs, 1)
        for key in columns
        if places[key][place - 1] is not None
    ]
    x: Spec = {"field": "key", "type": "nominal", "sort": list(columns), "title": None}
    x |= {"axis": {"labelAngle": 0, "grid": True, "labelLimit": 140}, "scale": {"type": "point", "padding": 0.4}}
    y: Spec = {"field": "at", "type": "quantitative", "axis": None, "scale": {"domain": [-0.1, 1.1]}}
    line = {
        "name": "axes",
        "mark": {"type": "line", "strokeWidth": 1.4},
        "encoding": {
            "x": x,
            "y": y,
            "color": color,
            "detail": {"field": "run"},
            "opacity": linked(0.08),
            "strokeWidth": width(1.4),
            "tooltip": tooltip({"name": "run"}),
        },
    }
    words = {
        "data": {"values": marks(columns, places)},
        "mark": {"type": "text", "align": "center", "baseline": "middle", "fontSize": 10, "color": NEUTRAL},
        "encoding": {"x": x, "y": y, "text": {"field": "label"}},
    }
    return {
        "title": "what was varied",
        "height": 240,
        "data": {"values": lines},
        "layer": [line, words],
    }


def of_run(run: Facts) -> Spec:
    """A run's metrics by epoch, a panel for each, training and validation in it."""
    every = thinning(run.epochs * len(run.history))
    panels: dict[str, list[Spec]] = {}
    for name, values in run.history.items():
        measure, _, part = name.partition("/")
        panels.setdefault(measure, []).extend(
            {"epoch": epoch, "at": shown(value), "part": part or measure}
            for epoch, value in enumerate(values, 1)
            if epoch % every == 0 or epoch in (1, len(values))
        )
    color = {"field": "part", "type": "nominal", "title": None, "legend": {"orient": "bottom"}}
    return {
        **base(),
        "vconcat": [
            {
                "title": name,
                "height": 220 if name == "cost" else 130,
                "data": {"values": points},
                "mark": {"type": "line", "point": len(points) < 60},
                "encoding": {
                    "x": of_epochs(run.epochs),
                    "y": {
                        "field": "at",
                        "type": "quantitative",
                        "title": name,
                        "scale": scale([each["at"] for each in points]),
                        "axis": ticks([each["at"] for each in points]),
                    },
                    "color": color,
                    "tooltip": tooltip({"part": "part", "epoch": "epoch", "at": name}),
                },
            }
            for name, points in panels.items()
        ],
    }


def tooltip(fields: Mapping[str, str]) -> list[Spec]:
    """What is said of a mark, by what each is called."""
    return [
        {"field": field, "title": title, **({"format": ".5g"} if field in ("at", "value") else {})}
        for field, title in fields.items()
    ]
