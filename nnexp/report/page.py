"""The HTML of a report: its text escaped, its look, and the policy that lets nothing run or load but what nnexp put there."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.errors import printable

STARTING = """
const spec = JSON.parse(document.getElementById("spec").textContent), place = document.getElementById("chart");
const wide = Math.max(180, Math.min(760, place.clientWidth - (place.clientWidth > 600 ? 320 : 190)));
for (const view of spec.vconcat) { view.width = wide; }
if (place.clientWidth <= 600) { JSON.stringify(spec, (key, value) => {
  if (value && value.labelLimit > 110) { value.labelLimit = 110; value.columns = 1; }
  if (value && value.labelAngle === 0) { value.labelAngle = -35; value.labelAlign = "right"; } return value; }); }
vegaEmbed(place, spec, {ast: true, renderer: "svg", actions: {export: true, source: false, compiled: false, editor: false}})
  .then(() => { place.dataset.drawn = "true"; })
  .catch(error => { place.textContent = "The chart could not be drawn: " + error; });
"""
"""All JavaScript that is nnexp's own: as wide as the page is, the chart is drawn."""
STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #ffffff; --line: #d0d0d0; --soft: #595959; --row: #f4f4f4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --back: #121212; --line: #3d3d3d; --soft: #ababab; --row: #1d1d1d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; color: var(--text); background: var(--back);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .4rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); }
.scroll { overflow: auto; max-height: 32rem; border: 1px solid var(--line); border-radius: 4px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .4rem .6rem; color: var(--soft); }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
.number { text-align: right; } tbody tr:hover { background: var(--row); }
thead th { position: sticky; top: 0; background: var(--back); }
pre { white-space: pre-wrap; background: var(--row); padding: .6rem; border-radius: 4px; font-size: .85rem; }
img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; } figure { margin: .6rem 0; }
#chart { width: 100%; overflow-x: auto; } #chart svg { max-width: none; }
#chart .vega-bindings { color: var(--text); font-size: .9rem; padding: .4rem 0; }
@media print { :root { --text: #000; --back: #fff; --soft: #444; --row: #fff; --line: #999; }
  .scroll { max-height: none; overflow: visible; } thead th { position: static; }
  .vega-bindings, .vega-embed summary { display: none; } tr, figure, #chart { break-inside: avoid; }
  h2, caption, .soft { break-after: avoid; } p { break-inside: avoid; } img { max-height: 11cm; width: auto; }
  table { font-size: .72rem; } th, td { padding: .15rem .4rem; }
  td:not(.number) { min-width: 4em; overflow-wrap: anywhere; }
  #chart { overflow: visible; } #chart svg { max-width: 100%; height: auto; max-height: 23cm; } }
"""


POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page may load: nothing from anywhere."""


@dataclass(frozen=True)
class Grid:
    """A table: its caption, columns and rows of texts."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Image:
    """A picture as PNG or GIF, and what is on it, for who does not see it."""

    content: bytes
    kind: str
    words: str


@dataclass(frozen=True)
class Code:
    """Commands, as they are typed."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A specification of Vega-Lite, and what it shows in a sentence."""

    spec: dict[str, Any]
    words: str


Part = str | Grid | Image | Code | Chart


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    parts: Sequence[Part]


def page(title: str, under: str, sections: Iterable[Section]) -> str:
    """The whole file."""
    sections = list(sections)
    chart = next((part for section in sections for part in section.parts if isinstance(part, Chart)), None)
    data = json.dumps(chart.spec, allow_nan=False).replace("<", "\\u003c") if chart else ""
    scripts = [library(), STARTING] if chart else []
    allowed = " ".join(f"'sha256-{digest(script)}'" for script in scripts) or "'none'"
    policy = f"{POLICY}; script-src {allowed}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">',
            f"<title>{text(title)}</title><style>{STYLE}</style></head><body>",
            f'<header><h1>{text(title)}</h1><p class="soft">{text(under)}</p></header><main>',
            *(line for section in sections for line in of_section(section)),
            "</main>",
            *([f'<script type="application/json" id="spec">{data}</script>'] if chart else []),
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        ]
    )


@functools.cache
def library() -> str:
    """The JavaScript of Vega-Lite, in one piece, which takes a second or two to be put together."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)


def digest(script: str) -> str:
    """What the page's policy knows a script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def text(value: str) -> str:
    """A text of any origin, as HTML."""
    return html.escape(printable(value))


def of_section(section: Section) -> Iterator[str]:
    """A section with its heading."""
    yield f"<section><h2>{text(section.title)}</h2>"
    for part in section.parts:
        yield from of_part(part)
    yield "</section>"


def of_part(part: Part) -> Iterator[str]:
    """One part."""
    match part:
        case str():
            yield f"<p>{text(part)}</p>"
        case Code(lines):
            yield f"<pre><code>{text(chr(10).join(lines))}</code></pre>"
        case Image(content, kind, words):
            data = base64.b64encode(content).decode()
            yield f'<figure><img alt="{text(words)}" src="data:image/{kind};base64,{data}"></figure>'
        case Chart(_, words):
            yield f'<p class="soft">{text(words)}</p><div id="chart"></div>'
            yield "<noscript><p>Without JavaScript there is no chart; the tables have all of its numbers.</p></noscript>"
        case Grid():
            yield from of_grid(part)


def of_grid(grid: Grid) -> Iterator[str]:
    """A table that a keyboard can scroll and a screen reader announces by its caption."""
    numeric = [all(is_number(row[place]) for row in grid.rows) for place in range(len(grid.columns))]
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{text(grid.caption)}"><table>'
    yield f"<caption>{text(grid.caption)}</caption><thead><tr>"
    heads = zip(grid.columns, numeric, strict=True)
    yield "".join(f'<th scope="col"{" class=number" if number else ""}>{heading(name)}</th>' for name, number in heads)
    yield "</tr></thead><tbody>"
    for row in grid.rows:
        cells = zip(row, numeric, strict=True)
        yield (
            "<tr>"
            + "".join(f"<td{' class=number' if number else ''}>{text(cell)}</td>" for cell, number in cells)
            + "</tr>"
        )
    yield "</tbody></table></div>"


def heading(name: str) -> str:
    """A column's name, which may be broken behind a slash."""
    return text(name).replace("/", "/<wbr>")


def is_number(cell: str) -> bool:
    """Whether a cell is to stand at the right."""
    return (
        cell.replace("%", "").replace(".", "").replace("-", "").replace("e", "").replace("+", "").strip().isdigit()
        or not cell
    )
