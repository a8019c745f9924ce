"""The page of a report in a real browser: its charts are drawn from the file alone, in light and in dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife.report.charts import Axis, Measured, Series, bars, intervals, lines
from quotelife.report.page import Column, Page
from quotelife.report.provenance import provenance

pytest.importorskip("plotly", reason="plotly is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: chromium)")
WAIT_MS = 60_000
LONG = "a policy whose name is longer than one line of the axis of a chart"
_DRAWN = "scheme => document.documentElement.dataset.charts === scheme"
# names and tick labels that reach out of their chart
_CLIPPED = """() => [...document.querySelectorAll('.main-svg .ytick text, .main-svg .xtitle, .main-svg .ytitle')]
    .filter(text => {
        const own = text.getBoundingClientRect(), chart = text.closest('[data-figure]').getBoundingClientRect();
        return own.left < chart.left - 1 || own.right > chart.right + 1 || own.bottom > chart.bottom + 1;
    }).map(text => text.textContent)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = Page("Report", provenance([]))
    rows = [Measured("best", 1.0, 0.5, 1.5, "", "answer"), Measured(LONG, 0.2, 0.1, 0.3), Measured("none", -0.1)]
    series = [Series(f"series {n}", [1.0, 10.0], [0.1 * n, 0.2], [0.0, 0.1], [0.3, 0.4]) for n in range(3)]
    page.charts(
        intervals("Net", Axis("net, ticks per request"), rows),
        lines("Lines", Axis("time, ms", log=True), Axis("net, ticks"), series),
        bars("Bars", Axis("share", percent=True), rows),
    )
    page.table([Column("policy", "")], [[f"p{n}"] for n in range(10)], best=0, every="all policies")
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page.html(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def background(page) -> str:
    return page.evaluate("getComputedStyle(document.querySelector('.main-svg')).backgroundColor")


def test_charts_are_drawn_without_a_network_in_both_schemes(chromium, report: Path) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, offline=True)
        page, problems, requests = context.new_page(), [], []
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message, seen=problems: seen.append(message.text))
        page.on("pageerror", lambda error, seen=problems: seen.append(str(error)))
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_function(_DRAWN, arg=scheme)
        assert page.locator("[data-figure] .main-svg .scatterlayer .trace").count() >= 5
        assert page.locator(".barlayer .point").count() == 3
        assert page.locator(".errorbar, .xerror, .yerror").count() > 0
        assert page.evaluate(_CLIPPED) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert requests == [report.as_uri()] and problems == []
        colours[scheme] = background(page)
        context.close()
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}


def test_the_switch_changes_the_scheme_and_hover_names_the_interval(chromium, report: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(report.as_uri())
    page.wait_for_function(_DRAWN, arg="light")
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(_DRAWN, arg="dark")
    assert background(page) == "rgb(20, 23, 26)"
    page.evaluate("Plotly.Fx.hover(document.querySelector('[data-figure=\"0\"]'), [{curveNumber: 1, pointNumber: 0}])")
    label = page.locator("[data-figure='0'] .hoverlayer").text_content()
    assert "best" in label and "95 % interval: 0.5000 to 1.5000" in label
    context.close()
