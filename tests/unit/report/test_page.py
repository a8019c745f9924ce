"""Pages and charts of reports: their documents are Plotly figures, their tables lead with the answer."""

import hashlib
import json
import re
import subprocess
import sys

import pytest

from quotelife.report import page as P
from quotelife.report.charts import (
    DASHES,
    MARKERS,
    N_STYLES,
    Axis,
    Measured,
    Series,
    bars,
    ends,
    intervals,
    lines,
    number,
)
from quotelife.report.page import SCHEMES, Column, Page, Table
from quotelife.report.provenance import RowHash, data_file, provenance


def figures(html):
    """The figures that a page holds."""
    (text,) = re.findall(r"<script type=application/json id=figures>(.*?)</script>", html, re.DOTALL)
    return json.loads(text)["figures"]


def made(*charts):
    page = Page("Report", provenance([]))
    page.charts(*charts)
    return page.html()


ROWS = [
    Measured("first", 1.0, 0.5, 2.0, "hover", "answer"),
    Measured("second", -1.0),
    Measured("oracle", 3.0, 2.0, 4.0, "", "reference"),
]


def test_rows_have_their_intervals_and_the_answer_is_marked():
    chart = intervals("Net", Axis("net, ticks"), ROWS)
    plain, answer, _reference = chart.data
    assert (answer["x"], answer["error_x"]["array"], answer["error_x"]["arrayminus"]) == ([1.0], [1.0], [0.5])
    assert (plain["y"], plain["error_x"]["array"]) == (["second"], [0.0])
    assert len({trace["marker"]["symbol"] for trace in chart.data}) == 3
    assert "not known" in plain["customdata"][0][0]
    assert chart.layout["yaxis"]["categoryarray"] == ["oracle", "second", "first"], "the first on top"
    assert chart.layout["xaxis"]["title"]["text"] == "net, ticks"


def test_no_series_looks_like_another_and_none_hides_one():
    same = [Series(f"s{n}", [1.0, 2.0], [3.0, 4.0], [2.0, 3.0], [4.0, 5.0]) for n in range(N_STYLES)]
    chart = lines("Lines", Axis("x"), Axis("y"), same)
    looks = {(t["marker"]["symbol"], t["line"]["dash"], t["line"]["color"]) for t in chart.data}
    assert len(looks) == len(set(MARKERS)) == len(set(DASHES)) == N_STYLES
    assert len({t["x"][0] for t in chart.data}) == N_STYLES, "intervals stand beside each other"
    assert all(t["customdata"][0] == ["1", "2.0000 to 4.0000"] for t in chart.data), "hover has the place itself"


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_colour_can_be_seen_on_its_paper(scheme):
    colours = SCHEMES[scheme]
    paper = luminance(colours["paper"])
    for token in ("text", *map(str, range(N_STYLES))):
        light, dark = sorted((paper, luminance(colours[token])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= (4.5 if token == "text" else 3.0), token


def test_figures_are_valid_plotly():
    go = pytest.importorskip("plotly.graph_objects")
    plain, measured = Series("s", [1, 10], [1, 2]), Series("s", [0, 1], [1, 2], [0, 1], [2, 3])
    charts = [
        intervals("a", Axis("x", percent=True), ROWS),
        bars("b", Axis("x"), ROWS),
        lines("c", Axis("x", log=True, ticks=(1, 10)), Axis("y", zero=True), [plain], diagonal=True),
        lines("d", Axis("x", ticks=(0, 1), labels=("now", "later")), Axis("y"), [measured]),
    ]
    for found in figures(made(*charts)):
        text = json.dumps(found)
        for token, colour in SCHEMES["light"].items():
            text = text.replace(f'"@{token}"', f'"{colour}"')
        assert "@" not in text
        go.Figure(json.loads(text))


def test_charts_without_data_are_left_out():
    assert figures(made(bars("none", Axis("x"), []), None)) == []


def test_a_table_leads_with_the_answer_and_folds_the_rest():
    page = Page("Report", provenance([]))
    page.table(
        [Column("policy"), Column("net", "ticks")], [[f"p{n}", str(n)] for n in range(12)], best=0, every="all policies"
    )
    html = page.html()
    first, fold = html.split("<details>")
    assert "<tr class=best><td>p0" in first and "p7" in first and "p8" not in first
    assert "All policies (12)" in fold and "p8" in fold
    assert "<th scope=col>net<span class=unit>ticks</span>" in first
    page.folded("more", Table("empty", [Column("a")], []), Table("full", [Column("a")], [["cell"]]))
    assert "<h4>full" in page.html() and "<h4>empty" not in page.html()


def test_text_from_outside_cannot_become_a_tag():
    page = Page("<b>", provenance([]))
    page.charts(bars("</script><i>", Axis("x"), [Measured("</script>", 1.0)]))
    page.table([Column("<u>")], [["<em>"]])
    html = page.html()
    assert not re.search(r"<b>|<i>|<u>|<em>", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))
    assert figures(html)[0]["data"][0]["y"] == ["</script>"]


def test_plotly_is_in_the_page_once_and_without_it_the_tables_stay(monkeypatch):
    charts = [bars(name, Axis("x"), ROWS) for name in "ab"]
    monkeypatch.setattr(P, "_plotly", lambda: "PLOTLY()")
    monkeypatch.setattr(P, "can_draw", lambda: True)
    assert made(*charts).count("PLOTLY()") == 1
    monkeypatch.setattr(P, "can_draw", lambda: False)
    html = made(*charts)
    assert "PLOTLY()" not in html and "<figure" not in html
    assert "the package plotly is missing; drawing charts needs it" in html


def test_provenance_says_what_is_needed_to_repeat_a_report(tmp_path, monkeypatch):
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"content")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/quotelife", "backtest", "--out", "a folder"])
    rows = RowHash()
    assert list(rows.hashed([(1, "a"), (2, "b")])) == [(1, "a"), (2, "b")]
    origin = provenance([data_file(path), rows.data_file(tmp_path / "history.sqlite")])
    assert origin.command == "quotelife backtest --out 'a folder'"
    assert origin.data[0].sha256 == hashlib.sha256(b"content").hexdigest() and origin.data[0].bytes == 7
    assert origin.data[1].rows == 2 and origin.data[1].sha256 != RowHash().data_file(path).sha256
    html = Page("Report", origin).html()
    for shown in (
        "a folder",
        origin.data[0].sha256,
        "2 rows read",
        f"{origin.cores} cores",
        origin.version,
        origin.created,
    ):
        assert shown in html


def test_the_revision_is_that_of_the_source():
    found = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("not a repository")
    assert (provenance([]).git or "").removesuffix("-dirty") == found.stdout.strip()


def test_numbers_are_texts():
    assert (number(0.12346), number(0.12345, 3, True), number(None)) == ("0.1235", "12.3%", "–")
    assert (ends(0.1, 0.2), ends(None, 0.2)) == ("0.1000 to 0.2000", "–")
