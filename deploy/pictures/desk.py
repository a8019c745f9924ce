"""Takes desk.png, the picture of the desk page in README.md, of a running demo: `sh deploy/demo.sh --duration 0`, then
`python deploy/pictures/desk.py [URL]`. Needs playwright and a Chromium (the extra `test`; Debian: chromium)."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

QUOTES = 40  # in the list, before the picture is taken
FILLS = 150  # while the page is open, so that the chart has some time
FILLS_SHOWN = "Number(document.getElementById('fills').textContent.replace(',', ''))"


def main(url: str) -> None:
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.set_default_timeout(120_000)
        page.goto(f"{url}/desk")
        page.locator("#list .row[data-quote-id]").nth(QUOTES).wait_for(state="attached")
        page.locator("#clients tbody tr").first.wait_for()
        page.locator('#list .row[data-outcome="filled"]').first.wait_for()
        page.wait_for_function(f"(before) => {FILLS_SHOWN} >= before + {FILLS}", arg=page.evaluate(FILLS_SHOWN))
        page.screenshot(path=str(Path(__file__).with_name("desk.png")))
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9464")
