"""The desk page in a real browser against a real service."""

import re
import shutil
import time
from collections.abc import Iterator

import pytest

from quotelife_bench import configuration
from quotelife_bench.load.market import symbols
from tests.acceptance.client import Client, Message, seconds, sending_time
from tests.acceptance.supervisor.test_serve import Service, started

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=30_000)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: chromium)")
WAIT_MS = 30_000
_BAR = """row => {
    const fill = row.querySelector(".bar i"), shown = getComputedStyle(fill);
    const shrinking = fill.getAnimations().length === 1 && shown.animationName === "shrink";
    return [parseFloat(fill.style.animationDuration), shrinking, new DOMMatrix(shown.transform).a, row.className];
}"""

service = pytest.fixture(started, scope="module", name="service")


class Browser:
    def __init__(self, page, service: Service) -> None:
        self.page, self.service, self.errors = page, service, []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(WAIT_MS)

    def row(self, quote_id: str):
        return self.page.locator(f'#quotes tr[data-quote-id="{quote_id}"]')

    def open(self) -> None:
        self.page.goto(f"http://127.0.0.1:{self.service.port}/")
        expect(self.page.locator("#quotes-total")).not_to_have_text("–")


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium, service) -> Iterator[Browser]:
    context = chromium.new_context(viewport={"width": 1500, "height": 850})
    shown = Browser(context.new_page(), service)
    yield shown
    context.close()
    assert shown.errors == []


@pytest.fixture(scope="module")
def client(service) -> Iterator[Client]:
    service.quote()
    with Client(service.config.acceptor.port, configuration.CLIENT) as client:
        client.logon()
        yield client


def ask(client: Client, symbol: str | None = None, for_s: float = 60.0) -> Message:
    related = [(55, symbol or symbols(1)[0]), (54, 1), (38, 100), (62, sending_time(for_s))]
    client.send("R", [(131, f"p{time.time_ns()}"), (146, 1), *related])
    return client.receive("S", "AG")


def test_quote_appears_counts_down_and_ends(browser, client):
    browser.open()
    quote = ask(client, for_s=2.0)
    row = browser.row(quote[117])
    expect(row).to_contain_text(quote[133])
    expect(row).to_contain_text(symbols(1)[0])
    duration_ms, shrinking, width, ended = row.evaluate(_BAR)
    assert duration_ms == pytest.approx((seconds(quote[62]) - seconds(quote[60])) * 1000, abs=0.01)
    assert ended or (shrinking and 0 <= width <= 1)
    expect(row).to_have_class("ended")
    expect(row.locator("td").last).to_have_text("expired")
    hit = ask(client)
    client.send("AJ", [(693, "h1"), (117, hit[117]), (694, 1)])
    assert client.receive("8")[39] == "2"
    expect(browser.row(hit[117]).locator("td").last).to_contain_text("filled after")


def test_the_market_panel_follows_the_selected_instrument(browser, client):
    browser.open()
    page = browser.page
    expect(page.locator("#state")).to_have_text(re.compile("calm|active|stressed"))
    expect(page.locator("#book tbody tr")).not_to_have_count(0)
    expect(page.locator("#curve canvas")).to_have_count(1)
    expect(page.locator("#features")).to_have_text(re.compile(r"spread\s*[\d.]+\s*ticks"))
    other = symbols(3)[2]
    with page.expect_request(lambda request: other in request.url):
        page.select_option("#instrument", other)
    expect(page.locator("#instrument")).to_have_value(other)
    expect(page.locator("#state")).to_have_text(re.compile("calm|active|stressed"))


def test_refusals_sessions_and_stops_are_shown(browser, client):
    browser.open()
    page = browser.page
    assert ask(client, "NO-SUCH").type == "AG"
    expect(page.locator("#refusals")).to_contain_text("unknown symbol")
    expect(page.locator(".session.up")).to_have_count(2)
    assert browser.service.order("/v1/stop", scope="client", name="Bench") == 200
    expect(page.locator("#alarm")).to_contain_text("Stopped by the desk: Bench")
    assert browser.service.order("/v1/resume", scope="client", name="Bench") == 200
    expect(page.locator("#alarm")).to_be_hidden()


def test_positions_follow_fills_and_hedges(browser, client):
    browser.open()
    page, symbol = browser.page, symbols(1)[0]
    quote = ask(client)
    client.send("AJ", [(693, "p1"), (117, quote[117]), (694, 1), (38, 100)])
    assert client.receive("8")[39] == "2"
    expect(page.locator("#positions tbody tr")).to_have_count(2)
    expect(page.locator("#positions tbody tr").last).to_contain_text("Bench")
    desk = page.locator("#positions tbody tr").first
    assert browser.service.order("/v1/positions", id="p1", symbol=symbol, set="7000", price="100") == 200
    expect(desk.locator("td").nth(2)).to_have_text("7000")
    expect(desk.locator("td").nth(3)).to_have_text("100")
    expect(page.locator("#notional")).to_contain_text("gross")
    assert browser.service.metric("quotelife_position", instrument=symbol) == 7000
    assert browser.service.metric("quotelife_client_position", instrument=symbol) < 0


def test_the_theme_is_switched_and_remembered(browser, client):
    browser.open()
    page = browser.page
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_an_unknown_instrument_is_refused(service):
    assert service.get("/desk/events?instrument=NO-SUCH")[0] == 404
