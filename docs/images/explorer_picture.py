"""The picture of the page in howto/explore.md: `python docs/images/explorer_picture.py RUN`, in a headless Chromium."""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

TARGET = Path(__file__).with_name("explorer.png")
SOFTWARE = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main(run: str) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium found: install Debian's chromium")
    command = [Path(sys.executable).with_name("microslip"), "view", run, "--port", "0", "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().split()[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE)
            page = browser.new_page(viewport={"width": 1280, "height": 1010})
            # as in the figures: what lies behind the middle of the depth, the active tenth in full colour
            page.goto(address + "#cut=y")
            page.wait_for_selector("body[data-ready]", timeout=60_000)
            page.wait_for_function("document.getElementById('counted').textContent.includes('shown')")
            # the curve's samples come after the grains
            page.wait_for_load_state("networkidle")
            page.screenshot(path=TARGET)
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
