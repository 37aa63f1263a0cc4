"""Writes a run as one HTML file that needs nothing else: no network, no script, light and dark.

The tables are those of the terminal (tables.py); the charts are SVG in the page (charts.py).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from bench.report.charts import charts_of
from bench.report.drawing import Chart, MatplotlibMissingError, check_matplotlib, shade, stylesheet
from bench.report.sections import Section, sections_of
from bench.report.summary import FASTEST, Headline, headlines, place, settings, skipped, versions
from bench.report.tables import Table
from bench.results import BenchResult

LIGHT = "--ground:#fff;--ink:#1b1f24;--soft:#57606a;--faint:#d8dee4;--panel:#f6f8fa;--mark:#0072b2;"
DARK = (
    "--ground:#14171a;--ink:#e6e9ec;--soft:#9aa4ae;--faint:#343b42;--panel:#1d2226;--mark:#4aa8e0;"
)
SHEET = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1.2rem 1rem 4rem;background:var(--ground);
color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.7rem;margin:.4rem 0}h2{margin:2.8rem 0 .3rem;font-size:1.3rem}
h3{font-size:1rem;margin:1.6rem 0 .3rem}p{margin:.4rem 0}a{color:var(--mark)}
.soft,figcaption,.note{color:var(--soft);font-size:.88rem}
nav a{margin-right:1rem;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(11.5rem,1fr));gap:.7rem;
margin:1rem 0}
.card{background:var(--panel);border-radius:.5rem;padding:.6rem .8rem}
.card b{display:block;font-size:1.5rem;line-height:1.25}.card span{display:block}
.wide{overflow-x:auto;margin:.6rem 0}figure{margin:1.4rem 0}
svg{display:block;width:100%;height:auto}
table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums}
th,td{padding:.18rem .6rem;text-align:right;white-space:nowrap}
thead th{border-bottom:2px solid var(--faint);vertical-align:bottom}
tbody th{padding-top:.7rem;border-bottom:1px solid var(--faint)}
td{border-bottom:1px solid var(--faint)}.word{text-align:left}
tr>:first-child{position:sticky;left:0;background:var(--ground)}
.map td{border:1px solid var(--ground);text-align:center}
details{margin:1rem 0}summary{cursor:pointer;color:var(--mark)}
@media print{body{max-width:none;font-size:11px}nav{display:none}
figure,tr,.card{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}
svg{min-width:0!important}}
"""


def write(result: BenchResult, path: Path) -> None:
    """Write the report of a run to a file."""
    path.write_text(render(result), encoding="utf-8")


def render(result: BenchResult) -> str:
    """Return the page."""
    sections = sections_of(result)
    title = f"fastmlp benchmark: {place(result)}"
    style = (
        f":root{{color-scheme:light dark;{LIGHT}{stylesheet(dark=False)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{DARK}{stylesheet(dark=True)}}}}}"
        f"{SHEET}"
    )
    missing = _no_charts()
    body = [
        _top(result, [(name, section.heading) for name, section in sections]),
        f'<p class="note">{_escaped(missing)}</p>' if missing else "",
        *(_section(result, name, section, not missing) for name, section in sections),
        _rest(result),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{_escaped(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _no_charts() -> str:
    """Return why there are no charts; empty if there are."""
    try:
        check_matplotlib()
    except MatplotlibMissingError as error:
        return str(error)
    return ""


def _escaped(text: object) -> str:
    """Return text that nothing in the page can take for markup."""
    return html.escape(str(text), quote=True)


def _top(result: BenchResult, names: Sequence[tuple[str, str]]) -> str:
    """Return the heading, where it was measured, the ratios in short, and the way to the rest."""
    where = "".join(f"<p class='soft'>{_escaped(line)}</p>" for line in settings(result))
    links = " ".join(f'<a href="#{_anchor(n)}">{_escaped(heading)}</a>' for n, heading in names)
    nav = f"<nav>{links}</nav>" if len(names) > 1 else ""
    return f"<h1>fastmlp benchmark</h1>{where}{_in_short(result)}{nav}"


def _in_short(result: BenchResult) -> str:
    """Return the headlines: a panel a question against its fastest peers, a table for all."""
    found = headlines(result)
    if not found:
        return ""
    words = (
        "<p>Time over fastmlp's (the core's), geometric means: above 1 fastmlp is faster. Against "
        "whichever peer was the fastest in each case:</p>"
    )
    cards = "".join(_card(headline) for headline in found if headline.peer == FASTEST)
    questions = list(dict.fromkeys(headline.question for headline in found))
    rows = []
    for peer in dict.fromkeys(headline.peer for headline in found if headline.peer != FASTEST):
        own = {h.question: f"{h.figure} ({h.range})" for h in found if h.peer == peer}
        rows.append((peer, *(own.get(question, "") for question in questions)))
    table = _table(Table("", ("peer", *questions), rows, 1))
    return f"{words}<div class='cards'>{cards}</div><p>Peer by peer, with the range:</p>{table}"


def _card(headline: Headline) -> str:
    """Return a headline as a panel."""
    return (
        f'<div class="card"><span>{_escaped(headline.question)}</span>'
        f"<b>{_escaped(headline.figure)}</b>"
        f'<span class="soft">{_escaped(headline.details)}</span></div>'
    )


def _anchor(name: str) -> str:
    """Return a name that may stand in an id."""
    return "q-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in name)


def _section(result: BenchResult, name: str, section: Section, with_charts: bool) -> str:
    """Return a question: what was asked, charts, tables."""
    parts = [f'<h2 id="{_anchor(name)}">{_escaped(section.heading)}</h2>']
    if section.lead:
        parts.append(f"<p>{_escaped(section.lead)}</p>")
    charts = charts_of(result, name) if with_charts else []
    tables = section.tables(result, name)
    shown = "\n".join(map(_table, tables))
    if charts and any(table.shades for table in tables):  # the charts say the same
        shown = f"<details><summary>The figures as tables</summary>{shown}</details>"
    return "\n".join([*parts, *map(_figure, charts), shown])


def _figure(chart: Chart) -> str:
    """Return a chart with its words."""
    return (
        f'<figure><h3>{_escaped(chart.title)}</h3><div class="wide">{chart.svg}</div>'
        f"<figcaption>{_escaped(chart.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    """Return a table, which scrolls where the screen is narrow; a case heads its rows."""
    title = f"<h3>{_escaped(table.title)}</h3>" if table.title else ""
    grouped = table.head[0] == "case"
    first = 1 if grouped else 0
    places = range(first, len(table.head))
    head = "".join(_cell("th", table.head[i], i < table.words) for i in places)
    rows = []
    for number, row in enumerate(table.rows):
        if grouped and row[0]:
            rows.append(
                f'<tr><th class="word" colspan="{len(places)}">{_escaped(row[0])}</th></tr>'
            )
        ratios = [None, *table.shades[number]] if table.shades else [None] * len(row)
        cells = (_cell("td", row[i], i < table.words, ratios[i]) for i in places)
        rows.append(f"<tr>{''.join(cells)}</tr>")
    kind = ' class="map"' if table.shades else ""
    notes = "".join(f'<p class="note">{_escaped(note)}</p>' for note in table.notes)
    content = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'{title}<div class="wide"><table{kind}>{content}</table></div>{notes}'


def _cell(tag: str, text: str, is_word: bool, ratio: float | None = None) -> str:
    """Return one cell."""
    kind = ' class="word"' if is_word else ""
    if ratio is not None:
        ground, ink = shade(ratio)
        kind += f' style="background:{ground};color:{ink}"'
    return f"<{tag}{kind}>{_escaped(text)}</{tag}>"


def _rest(result: BenchResult) -> str:
    """Return what was skipped, and the versions."""
    parts = []
    if result.skipped:
        rows = "".join(
            f"<li><b>{_escaped(name)}</b>: {_escaped(why)}</li>" for name, why in skipped(result)
        )
        parts.append(f'<h2 id="skipped">Skipped</h2><ul>{rows}</ul>')
    rows = "".join(f"<li>{_escaped(line)}</li>" for line in versions(result))
    facts = {**result.options, **result.machine}
    rows += "".join(f"<li>{_escaped(key)}: {_escaped(value)}</li>" for key, value in facts.items())
    parts.append(f"<details><summary>Versions and settings</summary><ul>{rows}</ul></details>")
    parts.append('<p class="soft">How the figures are made: bench/README.md</p>')
    return "\n".join(parts)
