"""The report in a real browser: no errors on the console, curves visible, readable on a phone."""

from __future__ import annotations

import shutil

import pytest
from commands import SMALL

from tinygen.cli import main

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install 'tinygen[browser]'"
)

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"Chromium cannot be started: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of one run, one of two and one of eight, as addresses."""
    folder = tmp_path_factory.mktemp("reports")
    small = ["--data", "ring", *SMALL]
    runs = [str(folder / name) for name in ("gan-1", "gan-2")]
    assert main(["train", "gan", "--out", runs[0], "--steps", "100", *small]) == 0
    assert (
        main(["train", "gan", "--out", runs[1], "--steps", "60", *small, "--set", "lr=5e-4"]) == 0
    )
    found = [folder / "one.html", folder / "two.html", folder / "eight.html"]
    assert main(["report", runs[0], "--out", str(found[0])]) == 0
    assert main(["report", *runs, "--out", str(found[1])]) == 0
    assert main(["report", *runs * 4, "--out", str(found[2])]) == 0
    return [path.as_uri() for path in found]


def opened(browser, address: str, width: int, scheme: str):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url),
    )
    page.goto(address)
    return page, problems


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
def test_a_report_is_readable(browser, pages, width, scheme):
    for address in pages:
        page, problems = opened(browser, address, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        loading = "performance.timing.loadEventEnd - performance.timing.navigationStart"
        assert page.evaluate(loading) < 1000
        for chart in page.locator(".chart svg").all():
            box = chart.bounding_box()
            assert box["width"] > 250
            assert box["height"] > 120
        for path in page.locator(".chart path").all():
            box = path.bounding_box()
            assert box["width"] > 100
        texts = page.locator(".chart text").all()
        assert min(text.bounding_box()["height"] for text in texts) > 10  # pixels on the screen
        assert problems == []
        page.close()


def test_text_stands_out_from_its_ground(browser, pages):
    """A contrast of 4.5 and more, as WCAG 2.1 asks (1.4.3), in both schemes."""
    script = """() => [...document.querySelectorAll('h1, td, th, dt, dd, .legend li')].map(e => {
        let ground = e;
        while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
            ground = ground.parentElement;
        return [getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
    })"""

    def luminance(colour: str) -> float:
        channels = [int(c) / 255 for c in colour[4:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for scheme in ("light", "dark"):
        page, _ = opened(browser, pages[1], 1280, scheme)
        for pair in page.evaluate(script):
            low, high = sorted(map(luminance, pair))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, pair)
        page.close()


def test_the_slider_the_strip_and_the_play_button(browser, pages):
    page, problems = opened(browser, pages[0], 1280, "light")
    screen = page.locator(".screen")
    label = page.locator(".controls output")
    assert label.inner_text() == "step 100"
    last = screen.get_attribute("src")
    page.locator(".film li button").first.click()
    assert label.inner_text() == "step 1"
    assert screen.get_attribute("src") != last
    page.locator(".play").click()
    sync_api.expect(label).to_have_text("step 100")
    assert screen.get_attribute("src") == last
    page.locator(".film input").fill("1")
    assert label.inner_text() == "step 2"
    assert problems == []


def test_values_can_be_read_off_a_chart(browser, pages):
    page, problems = opened(browser, pages[1], 1280, "light")
    page.locator(".chart svg").first.hover()
    told = page.locator(".chart output").first.inner_text()
    assert told.startswith("step ")
    assert "gan-1" in told
    assert "gan-2" in told
    assert problems == []


def test_without_scripts_the_pictures_and_curves_are_there(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages[0])
    assert page.locator(".film li img").count() == 7
    assert page.locator(".chart path").count() >= 2
    assert not page.locator(".controls").is_visible()
    context.close()
