"""The desk page in a real browser against a real service."""

import contextlib
import math
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife_bench import configuration
from quotelife_bench.load.market import symbols
from tests.acceptance.client import Client, Message, seconds, sending_time
from tests.acceptance.supervisor.test_serve import TOKEN, Service, started

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
expect.set_options(timeout=30_000)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: chromium)")
WAIT_MS = 30_000
CHECKS = Path(__file__).with_name("page_checks.js").read_text()
SIZES = [(390, 844), (1024, 768), (1280, 800), (1440, 900), (2560, 1440), (3840, 2160)]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with contextlib.contextmanager(started)() as running:
        running.quote()
        yield running


class Browser:
    def __init__(self, page, port: int) -> None:
        self.page, self.port, self.errors = page, port, []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(WAIT_MS)

    def row(self, quote_id: str):
        return self.page.locator(f'#list .row[data-quote-id="{quote_id}"]')

    def open(self, query: str = "") -> None:
        self.page.goto(f"http://127.0.0.1:{self.port}/desk{query}")
        expect(self.page.locator("#quotes-total")).not_to_have_text("–")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def findings(self, check: str) -> list[str]:
        """What a check of `page_checks.js` finds wrong."""
        return self.page.evaluate(f"{CHECKS.strip()}.{check}()")

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.id")


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium, service) -> Iterator[Browser]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    shown = Browser(context.new_page(), service.port)
    yield shown
    context.close()
    assert shown.errors == []


@pytest.fixture
def client(service) -> Iterator[Client]:
    with Client(service.config.acceptor.port, configuration.CLIENT) as client:
        client.logon()
        client.drop_possible_resends()
        yield client


def ask(client: Client, symbol: str | None = None, for_s: float = 60.0) -> Message:
    related = [(55, symbol or symbols(1)[0]), (54, 1), (38, 100), (62, sending_time(for_s))]
    client.send("R", [(131, f"p{time.time_ns()}"), (146, 1), *related])
    return client.receive("S", "AG")


def hit(client: Client, quote: Message) -> None:
    client.send("AJ", [(693, f"h{time.time_ns()}"), (117, quote[117]), (694, 1)])
    assert client.receive("8")[39] == "2"


def lifetime_ms(quote: Message) -> float:
    return (seconds(quote[62]) - seconds(quote[60])) * 1000


# --- quotes


def test_a_quote_appears_counts_down_and_ends(browser, client):
    browser.open()
    quote = ask(client, for_s=2.0)
    row = browser.row(quote[117])
    expect(row).to_contain_text(quote[133])
    expect(row).to_contain_text(symbols(1)[0])
    expect(row.locator(".lifetime")).to_have_text(f"{lifetime_ms(quote) / 1000:.2f} s")
    expect(row.locator(".outcome")).to_have_text("expired")
    other = ask(client)
    expect(browser.row(other[117]).locator(".outcome")).to_have_text(re.compile(r"\d\.\d\d s left"))
    hit(client, other)
    expect(browser.row(other[117]).locator(".outcome")).to_have_text(re.compile("filled in "))


def test_bars_share_one_time_scale(browser, client):
    browser.open()
    short, long = ask(client, for_s=0.2), ask(client, for_s=2.0)
    expect(browser.row(short[117])).to_be_visible()
    expect(browser.row(long[117])).to_be_visible()
    last_ms = 1000 * float(browser.page.locator("#list .axis span").last.text_content().removesuffix(" s"))

    def share(quote: Message) -> float:
        script = "row => row.querySelector('.life').offsetWidth / row.querySelector('.bar').offsetWidth"
        return browser.row(quote[117]).evaluate(script)

    for quote in short, long:
        assert share(quote) == pytest.approx(math.log(lifetime_ms(quote) / 10) / math.log(last_ms / 10), abs=0.03)
    browser.page.click("#scale")
    for quote in short, long:
        assert share(quote) == pytest.approx(lifetime_ms(quote) / last_ms, abs=0.03)
    browser.page.click("#scale")


def test_a_paused_list_stands_still_until_it_continues(browser, client):
    browser.open()
    first = ask(client, for_s=1.0)
    expect(browser.row(first[117])).to_be_visible()
    browser.press(" ")
    expect(browser.page.locator("#pause")).to_have_text("Continue")
    second = ask(client, for_s=1.0)
    expect(browser.page.locator("#newer")).to_contain_text("1 new quote: paused")
    expect(browser.row(second[117])).to_have_count(0)
    expect(browser.row(first[117]).locator(".outcome")).to_have_text("expired")
    browser.press(" ")
    expect(browser.row(second[117])).to_be_visible()
    expect(browser.page.locator("#newer")).to_be_hidden()


def test_many_quotes_are_let_in_at_a_pace_that_can_be_read(browser, client):
    browser.open()
    script = """() => {
        const quotes = (nodes) => [...nodes].filter((node) => node.dataset.quoteId).length;
        window.added = [];
        new MutationObserver((all) => window.added.push(all.reduce((sum, each) => sum + quotes(each.addedNodes), 0)))
            .observe(document.getElementById("list"), { childList: true });
    }"""
    expect(browser.row(ask(client, for_s=0.3)[117])).to_be_visible()
    browser.page.evaluate(script)
    quotes = [ask(client, for_s=0.3)[117] for _ in range(60)]
    browser.page.wait_for_function("() => window.added.reduce((sum, n) => sum + n, 0) >= 8")
    assert max(browser.page.evaluate("window.added")) <= 9
    browser.press(" ")  # when it is paused, all of them can be read
    expect(browser.row(quotes[0])).to_be_attached()
    browser.press(" ")


def test_pinned_quotes_stay_on_top(browser, client):
    browser.open()
    quote = ask(client, for_s=0.3)
    browser.row(quote[117]).locator(".pin").click()
    expect(browser.page.locator("#pinned b")).to_have_text("Pinned")
    later = ask(client, for_s=0.3)
    browser.page.mouse.move(5, 5)
    expect(browser.row(later[117])).to_be_visible()
    ids = browser.page.locator("#list .row[data-quote-id]").evaluate_all("all => all.map((row) => row.dataset.quoteId)")
    assert ids.index(quote[117]) == 0 < ids.index(later[117])
    browser.row(quote[117]).locator(".pin").click()
    expect(browser.page.locator("#pinned")).to_have_count(0)


def test_filters_and_groups(browser, client):
    browser.open()
    page, (one, other) = browser.page, symbols(2)
    first, second = ask(client, one, 0.3), ask(client, other, 0.3)
    expect(browser.row(second[117])).to_be_visible()
    page.fill("#text", other)
    expect(browser.row(first[117])).to_have_count(0)
    expect(browser.row(second[117])).to_be_visible()
    page.fill("#text", "no such quote")
    expect(page.locator("#list .empty")).to_have_text("No quote matches the filter.")
    page.fill("#text", "")
    page.select_option("#by-client", "Bench")
    expect(browser.row(first[117])).to_be_visible()
    page.select_option("#by-client", "")
    page.select_option("#group", "client")
    expect(page.locator("#list .group b")).to_have_text(["Bench"])
    expect(page.locator("#list .group")).to_contain_text(re.compile(r"\d+ quotes, \d+ open"))
    assert page.locator("#list .row[data-quote-id]").count() <= 8
    page.select_option("#group", "model")
    expect(page.locator("#list .group b")).to_have_text(["liquidity provider"])
    page.select_option("#group", "")


def test_scrolling_down_reads_the_history(browser, client):
    oldest = ask(client, for_s=0.05)[117]
    for _ in range(160):
        ask(client, for_s=0.05)
    browser.open()
    page = browser.page
    page.locator("#list").focus()
    for _ in range(20):
        browser.press("End")
        page.evaluate("document.getElementById('list').scrollTop = 1e9")
        expect(page.locator("#list > .empty")).not_to_have_text("Reading older quotes…")
        if browser.row(oldest).count():
            break
    expect(browser.row(oldest).locator(".outcome")).to_have_text("expired")
    assert page.locator("#list .row[data-quote-id]").count() > 160
    newest = ask(client, for_s=0.05)[117]
    expect(page.locator("#newer")).to_contain_text("to the top")
    page.click("#newer")
    expect(browser.row(newest)).to_be_visible()


def test_a_quote_is_explained(browser, client):
    browser.open()
    page, quote = browser.page, ask(client)
    expect(browser.row(quote[117])).to_be_visible()
    hit(client, quote)
    expect(browser.row(quote[117])).to_have_attribute("data-outcome", "filled")
    browser.row(quote[117]).click()
    panel = page.locator("#explanation")
    expect(panel.locator(".sentence")).to_have_text(re.compile(r"\w+ .*\d"))
    expect(panel.locator(".curve canvas")).to_have_count(1)
    expect(panel.locator(".facts")).to_contain_text("filled in ")
    assert panel.locator(".moved > div").count() > 3
    expect(panel.locator(".timeline")).to_contain_text("µs")
    expect(panel.locator(".timeline tr").first).to_contain_text("+0.0 µs")
    assert page.url.endswith(f"#quote={quote[117]}")
    page.reload()
    expect(panel.locator(".sentence")).to_be_visible()
    browser.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator("#desk")).to_be_visible()


# --- market and desk


def test_the_market_panel_follows_the_selected_instrument(browser, client):
    browser.open()
    page = browser.page
    expect(page.locator("#state")).to_have_text(re.compile("calm|active|stressed"))
    expect(page.locator("#ladder tbody tr")).not_to_have_count(0)
    expect(page.locator("#prices canvas")).to_have_count(1)
    expect(page.locator("#spread")).to_have_text(re.compile(r"spread [\d.]+ \([\d.]+ ticks?\)"))
    quote = ask(client)
    expect(page.locator("#ladder tr", has_text=quote[133])).to_contain_text("◂")
    browser.press("v")
    expect(page.locator("#features")).to_have_text(re.compile(r"spread\s*[\d.]+\s*ticks"))
    expect(page.locator("#features")).not_to_contain_text(" lots")
    browser.press("v")
    other = symbols(3)[2]
    with page.expect_request(lambda request: other in request.url):
        page.select_option("#instrument", other)
    expect(page.locator("#instrument")).to_have_value(other)
    expect(page.locator("#state")).to_have_text(re.compile("calm|active|stressed"))


def test_refusals_and_sessions_are_shown(browser, client):
    browser.open()
    page = browser.page
    assert ask(client, "NO-SUCH").type == "AG"
    expect(page.locator("#show-refusals")).to_have_text(re.compile(r"Refusals \(\d+\)"))
    browser.press("f")
    expect(page.locator("#refusals")).to_contain_text("unknown symbol")
    browser.press("f")
    expect(page.locator("#refusals")).to_be_hidden()
    expect(page.locator(".session.up")).to_have_count(2)


def test_positions_and_clients_follow_fills(browser, client, service):
    browser.open()
    page, symbol = browser.page, symbols(1)[0]
    hit(client, ask(client))
    assert service.order("/v1/positions", id=f"p{time.time_ns()}", symbol=symbol, set="7000", price="100") == 200
    row = page.locator("#positions tbody tr").first
    expect(row.locator("td").nth(1)).to_have_text("7,000")
    expect(row.locator("td").nth(2)).to_have_text("100")
    expect(page.locator("#notional")).to_contain_text("gross")
    expect(page.locator("#clients tbody tr")).to_contain_text("Bench")
    assert service.metric("quotelife_position", instrument=symbol) == 7000
    page.locator("#clients tbody tr").focus()
    browser.press("Enter")
    expect(page.locator("#by-client")).to_have_value("Bench")
    browser.press("Escape")
    expect(page.locator("#by-client")).to_have_value("")


# --- controls


def test_stop_and_resume_ask_for_a_reason_and_the_token(browser, client):
    browser.open()
    page = browser.page
    browser.press("s")
    page.select_option("#control-scope", "client")
    expect(page.locator("#control-effect")).to_contain_text("No new quotes for Bench")
    page.click("#control-confirm")
    expect(page.locator("#control-error")).to_contain_text("A reason is needed")
    page.fill("#control-reason", "a test of the desk")
    page.fill("#control-token", "a-token-that-is-wrong")
    page.click("#control-confirm")
    expect(page.locator("#control-error")).to_have_text("Wrong token: nothing has changed.")
    browser.errors.clear()  # the browser itself reports the status 401
    assert ask(client).type == "S"
    page.fill("#control-token", TOKEN)
    page.click("#control-confirm")
    expect(page.locator("#control")).to_be_hidden()
    expect(page.locator("#alarm")).to_contain_text("Bench is stopped: a test of the desk")
    assert ask(client).type == "AG"
    page.locator("#in-force .control", has_text="Bench is stopped").locator("button").click()
    expect(page.locator("#control-title")).to_have_text("Resume quoting")
    expect(page.locator("#control-token")).to_be_hidden()
    page.fill("#control-reason", "the test is over")
    browser.press("Enter")
    expect(page.locator("#in-force")).not_to_contain_text("Bench is stopped")
    expect(page.locator("#alarm")).not_to_contain_text("Bench is stopped")
    assert ask(client).type == "S"


def test_a_market_state_is_held_and_released(browser, client):
    browser.open()
    page = browser.page
    page.evaluate("(token) => sessionStorage.setItem('desk-token', token)", TOKEN)
    browser.press("m")
    page.select_option("#control-value", "stressed")
    page.fill("#control-reason", "an announcement is due")
    page.click("#control-confirm")
    expect(page.locator("#state")).to_have_text("stressed")
    expect(page.locator("#market-note")).to_contain_text("held by the desk")
    page.locator("#in-force .control", has_text="held stressed").locator("button").click()
    page.fill("#control-reason", "it is over")
    page.click("#control-confirm")
    expect(page.locator("#in-force")).not_to_contain_text("held")
    expect(page.locator("#market-note")).not_to_contain_text("held by the desk")


# --- for everybody, everywhere


@pytest.fixture(scope="module")
def full(chromium, service) -> Iterator[Browser]:
    """A page with something in each panel; `fill` adds open quotes, of which one is returned."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    shown = Browser(context.new_page(), service.port)
    shown.open()
    assert service.order("/v1/stop", scope="instrument", name=symbols(3)[2], reason="limits are reviewed") == 200
    expect(shown.page.locator("#in-force")).to_contain_text("limits are reviewed")
    yield shown
    assert service.order("/v1/resume", scope="instrument", name=symbols(3)[2]) == 200
    context.close()
    assert shown.errors == []


def fill(page: Browser, client: Client) -> str:
    """Make a refusal, a fill and open quotes; returns the id of a quote that the page shows."""
    ask(client, "NO-SUCH")
    hit(client, ask(client))
    quote = ask(client)[117]
    page.page.mouse.move(5, 5)
    expect(page.row(quote)).to_be_visible()
    return quote


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_overlaps_or_is_cut_off(full, client, width, height):
    page = full.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": width, "height": height})
    quote = fill(full, client)
    expect(page.locator("#prices canvas")).to_be_visible()
    assert full.findings("layout") == []
    assert full.findings("unreachable") == []
    full.row(quote).click()
    expect(page.locator("#explanation .sentence")).to_be_visible()
    assert full.findings("layout") == []
    assert full.findings("unreachable") == []
    full.press("Escape")
    full.press("s")
    expect(page.locator("#control-confirm")).to_be_in_viewport(ratio=1)
    full.press("Escape")
    expect(page.locator("#control")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_all_texts_have_contrast(full, client, width, theme):
    page = full.page
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    quote = fill(full, client)
    assert full.findings("contrast") == []
    full.row(quote).click()
    expect(page.locator("#explanation .sentence")).to_be_visible()
    assert full.findings("contrast") == []
    full.press("Escape", "s")
    expect(page.locator("#control-confirm")).to_be_visible()
    assert full.findings("contrast") == []
    full.press("Escape")


def test_everything_works_from_the_keyboard(browser, client):
    quotes = [ask(client)[117] for _ in range(3)]
    browser.open()
    page = browser.page
    expect(browser.row(quotes[-1])).to_be_visible()
    browser.press("?")
    expect(page.locator("#shortcuts")).to_contain_text("Pause or continue the quotes")
    browser.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    browser.press("2")
    assert browser.focused() == "list"
    browser.press("ArrowDown")
    active = page.locator("#list .row[aria-selected='true']")
    expect(active).to_have_count(1)
    assert active.evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    quote_id = active.get_attribute("data-quote-id")
    browser.press("p")
    expect(page.locator("#pinned")).to_be_visible()
    browser.press("Enter")
    expect(page.locator("#explanation")).to_be_visible()
    assert browser.focused() == "explanation-name"
    browser.press("Escape")
    assert browser.focused() == "list"
    browser.press("p")
    expect(page.locator("#pinned")).to_have_count(0)
    browser.press("/")
    assert browser.focused() == "text"
    page.keyboard.type(quote_id)
    expect(page.locator("#list .row[data-quote-id]")).to_have_count(1)
    browser.press("Escape", "Escape")
    expect(page.locator("#text")).to_have_value("")
    browser.press("3")
    assert browser.focused() == "desk-body"
    browser.press("1")
    assert browser.focused() == "ladder"
    browser.press("g")
    expect(page.locator("#group")).to_have_value("client")
    browser.press("g", "g")
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        browser.press("Tab")
        reached.add(browser.focused())
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert browser.focused() == "" or page.evaluate(outline) != "none", browser.focused()
    assert {"instrument", "stop", "more", "help", "ladder", "pause", "text", "group", "list", "desk-body"} <= reached


def test_single_keys_can_be_switched_off(browser, client):
    browser.open()
    browser.press("?")
    browser.page.uncheck("#shortcuts-on")
    browser.press("Escape")
    expect(browser.page.locator("#shortcuts")).to_be_hidden()
    browser.press("s")
    expect(browser.page.locator("#control")).to_be_hidden()
    browser.press("?")
    browser.page.check("#shortcuts-on")
    browser.press("Escape")
    expect(browser.page.locator("#shortcuts")).to_be_hidden()
    browser.press("s")
    expect(browser.page.locator("#control")).to_be_visible()


def test_bars_move_once_a_second_for_those_who_want_less_motion(chromium, service, client):
    moves = """(id) => new Promise((done) => {
        const row = document.querySelector(`#list .row[data-quote-id="${id}"]`);
        let moves = 0;
        new MutationObserver((all) => { moves += all.some((each) => each.target.className === "left") ? 1 : 0; })
            .observe(row, { subtree: true, attributes: true });
        setTimeout(() => done(moves), 2500);
    })"""
    context = chromium.new_context(reduced_motion="reduce")
    shown = Browser(context.new_page(), service.port)
    shown.open()
    quote = ask(client)
    assert lifetime_ms(quote) > 5000
    expect(shown.row(quote[117])).to_be_visible()
    assert 1 <= shown.page.evaluate(moves, quote[117]) <= 4  # ten times a second otherwise
    assert shown.page.evaluate("document.getAnimations().length") == 0
    context.close()


def test_the_theme_is_switched_and_remembered(browser, client):
    browser.open()
    page = browser.page
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


class Relay:
    """A TCP relay to the service that can be cut, as a restart of the service does it."""

    def __init__(self, port: int) -> None:
        self.target, self.port, self.sockets = port, 0, []
        self.mend()

    def mend(self) -> None:
        self.server = socket.create_server(("127.0.0.1", self.port))
        self.port = self.server.getsockname()[1]
        self.accepting = threading.Thread(target=self._accept, args=(self.server,), daemon=True)
        self.accepting.start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near = server.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # it was cut
                return
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def cut(self) -> None:
        _shut(self.server)
        self.accepting.join()
        self.server.close()
        for each in self.sockets:
            _shut(each)
        self.sockets.clear()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    _shut(source)
    _shut(sink)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is closed
        each.shutdown(socket.SHUT_RDWR)


def test_the_page_survives_a_restart_of_the_service(chromium, service, client):
    relay = Relay(service.port)
    context = chromium.new_context()
    shown = Browser(context.new_page(), relay.port)
    shown.open()
    relay.cut()
    expect(shown.page.locator("#alarm")).to_contain_text("Connection to the service lost")
    relay.mend()
    expect(shown.page.locator("#alarm")).not_to_contain_text("Connection")
    quote = ask(client, for_s=1.0)
    expect(shown.row(quote[117])).to_be_visible()
    context.close()
    relay.cut()


def test_an_unknown_instrument_is_refused(service):
    assert service.get("/desk/events?instrument=NO-SUCH")[0] == 404
