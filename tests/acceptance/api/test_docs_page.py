"""The page /docs in a real browser against a real API process."""

import re
import shutil

import pytest

from tests.acceptance.api.test_api import Api, api  # noqa: F401  the fixture

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: chromium)")
WAIT_MS = 30_000


def test_the_page_shows_every_operation_and_sends_an_example(api: Api) -> None:  # noqa: F811
    errors, elsewhere = [], []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        own = (f"http://127.0.0.1:{api.port}/", "data:")
        page.on("request", lambda request: None if request.url.startswith(own) else elsewhere.append(request.url))
        page.goto(f"{own[0]}docs")
        expect(page.locator(".opblock")).to_have_count(4)
        expect(page.locator(".opblock-summary-path").first).to_have_text(re.compile("/v1/"))
        post = page.locator("#operations-default-expiry")
        post.locator(".opblock-summary-control").click()
        expect(post.locator("textarea.body-param__text")).to_have_value(re.compile('"side": "buy"'))
        post.locator("button.execute").click()
        expect(post.locator(".live-responses-table tbody .response-col_status").first).to_have_text(re.compile("200"))
        expect(post.locator(".live-responses-table")).to_contain_text("lifetime_us")
        browser.close()
    assert errors == [] and elsewhere == []
