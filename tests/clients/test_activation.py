"""The page of an activation link in a real browser: what a recipient sees, does and gets."""

import json
import os
import pathlib
import subprocess
import time

import delta_sharing
import pytest
import requests
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from conftest import Running

WITHIN_SECS = 20
WIDTHS = [390, 1280]
CONTACT = "Ada Example, ada@example.com"
FLAGS = [
    "--headless=new",
    # The tests run as root in containers, where Chromium has no sandbox to put its processes in.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # Nothing but the page is to be loaded from anywhere.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]


class Provider:
    """The sample tables, shared with recipients by links."""

    def __init__(self, folder):
        self.state = folder / "state"
        self.running = Running("--state", str(self.state), "--port", "0", "--contact", CONTACT)

    def runs(self, *command):
        command = [os.environ["SPILLWAY_BIN"], *command, "--state", str(self.state), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def link(self, recipient, *options):
        made = self.runs("recipient", "create", recipient, *options)
        self.runs("grant", "share1", recipient)
        self.runs("grant", "delta_sharing", recipient)
        url = made["link"]["url"]
        # A running server notices within two seconds; looking at the page uses nothing up.
        deadline = time.monotonic() + WITHIN_SECS
        while not all(share in requests.get(url, timeout=WITHIN_SECS).text for share in ("share1", "delta_sharing")):
            assert time.monotonic() < deadline, "the server did not notice the grants"
            time.sleep(0.1)
        return url


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    provider = Provider(tmp_path_factory.mktemp("activation"))
    yield provider
    assert provider.running.stop() == 0


@pytest.fixture
def browser(tmp_path):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ["SPILLWAY_CHROMIUM"]
    for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"]:
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(os.environ["SPILLWAY_CHROMEDRIVER"]))
    driver.downloads = downloads
    yield driver
    driver.quit()


def heading(browser):
    return browser.find_element(By.TAG_NAME, "h1").text


def press(browser):
    browser.find_element(By.TAG_NAME, "button").click()


def downloaded(browser):
    """The profile's path, once the browser has it whole."""
    deadline = time.monotonic() + WITHIN_SECS
    while time.monotonic() < deadline:
        files = [path for path in browser.downloads.iterdir() if path.suffix == ".share"]
        if files:
            return files[0]
        time.sleep(0.05)
    raise AssertionError(f"no profile came: {list(browser.downloads.iterdir())}")


def reads(profile):
    """The official client's first read, once the server has noticed the new token."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return delta_sharing.load_as_pandas(f"{profile}#share1.default.cars", limit=3)
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_a_recipient_opens_the_link_downloads_the_profile_and_reads(provider, browser):
    url = provider.link("reader")
    for _ in range(2):
        browser.get(url)
        assert heading(browser) == "Data has been shared with you"
    text = browser.find_element(By.TAG_NAME, "body").text
    for words in ["delta_sharing", "share1", "UTC", "config.share", "This works once", CONTACT]:
        assert words in text, words
    assert "reader" not in text, "the name is the provider's own"
    press(browser)
    profile = downloaded(browser)
    assert profile.name == "config.share"
    assert heading(browser) == "Data has been shared with you", "the lines to paste went away"
    assert len(reads(profile)) == 3
    browser.get(url)
    assert heading(browser) == "This link has been used"
    assert not browser.find_elements(By.TAG_NAME, "button")
    assert CONTACT in browser.find_element(By.TAG_NAME, "body").text


def test_the_button_of_a_page_left_open_gives_no_second_profile(provider, browser):
    url = provider.link("open")
    browser.get(url)
    press(browser)
    downloaded(browser)
    press(browser)
    deadline = time.monotonic() + WITHIN_SECS
    while heading(browser) != "This link has been used" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert heading(browser) == "This link has been used"
    assert len(list(browser.downloads.iterdir())) == 1


def test_the_lines_to_paste_work_as_they_are(provider, browser, tmp_path):
    browser.get(provider.link("paster"))
    press(browser)
    profile = downloaded(browser)
    reads(profile)
    sections = browser.find_elements(By.TAG_NAME, "section")
    lines = {s.find_element(By.TAG_NAME, "h3").text: s.find_element(By.TAG_NAME, "pre").text for s in sections}
    assert set(lines) == {"Python", "Apache Spark", "Power BI", "curl"}
    python = [os.environ["SPILLWAY_PYTHON"], "-c", lines["Python"]]
    said = subprocess.run(python, cwd=profile.parent, check=True, capture_output=True, text=True).stdout
    assert "cars" in said and "iso_code" in said, said
    said = subprocess.run(["sh", "-c", lines["curl"]], cwd=profile.parent, check=True, capture_output=True, text=True)
    assert [share["name"] for share in json.loads(said.stdout)["items"]] == ["delta_sharing", "share1"]
    endpoint = json.loads(profile.read_text())["endpoint"]
    assert lines["Power BI"] == endpoint
    assert 'table = "config.share#delta_sharing.default.owid-covid-data"\n' in lines["Apache Spark"]


def test_an_expired_link_and_a_wrong_one_say_so_and_whom_to_ask(provider, browser):
    url = provider.link("late", "--link-lifetime", "1 minute")
    end = provider.state / "catalogue.json"
    # A minute is the shortest that a link can be given, and too long to wait for.
    catalogue = json.loads(end.read_text())
    for link in catalogue["activations"]:
        if link.get("sealed"):
            link["expires"] = "2020-01-01T00:00:00.000Z"
    end.write_text(json.dumps(catalogue))
    browser.get(url)
    assert heading(browser) == "This link has expired"
    assert CONTACT in browser.find_element(By.TAG_NAME, "body").text
    browser.get(url[:-1])
    assert heading(browser) == "This link is not valid"
    assert CONTACT in browser.find_element(By.TAG_NAME, "body").text


def test_of_two_tabs_at_once_one_gets_the_profile(provider, browser):
    url = provider.link("twice")
    browser.get(url)
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(url)
    second = browser.current_window_handle
    # A script that presses a little later, so that both tabs press at the same moment.
    at = "const at = arguments[0]; const b = document.querySelector('button'); setTimeout(() => b.click(), at - Date.now())"
    moment = int(time.time() * 1000) + 1500
    for tab in (first, second):
        browser.switch_to.window(tab)
        browser.execute_script(at, moment)
    downloaded(browser)

    def headings():
        found = []
        for tab in (first, second):
            browser.switch_to.window(tab)
            found.append(heading(browser))
        return sorted(found)

    wanted = ["Data has been shared with you", "This link has been used"]
    deadline = time.monotonic() + WITHIN_SECS
    while headings() != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert headings() == wanted
    assert len(list(browser.downloads.iterdir())) == 1


def luminance(colour):
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Every element with a text of its own: its colour and the first background behind it.
COLOURS = """
return [...document.querySelectorAll('main *, footer *')].filter(e => [...e.childNodes].some(
  n => n.nodeType === 3 && n.textContent.trim())).map(e => {
    let behind = e;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    return [e.tagName + ' ' + e.textContent.trim().slice(0, 30), getComputedStyle(e).color,
            getComputedStyle(behind || document.body).backgroundColor];
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_fit_and_can_be_read(provider, browser, width, scheme):
    """At the width of a phone and of a desk, in both schemes: nothing overflows, and every text stands out (WCAG 2, AA)."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    url = provider.link(f"look-{width}-{scheme}")
    for kind, address in [("good", url), ("wrong", url[:-1]), ("used", url)]:
        browser.get(address)
        if kind == "used":
            press(browser)
            downloaded(browser)
            browser.get(address)
        picture(browser, f"{kind}-{width}-{scheme}")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), kind
        for what, colour, behind in browser.execute_script(COLOURS):
            light, dark = sorted([luminance(colour), luminance(behind)], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{kind}: {what}: {colour} on {behind}"
        body = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (luminance(body) > 0.5) == (scheme == "light"), "the style was not taken"
        # A policy that refuses something of the page's own, or an asset that is asked for, is a line here.
        refused = [line["message"] for line in browser.get_log("browser") if "status of 4" not in line["message"]]
        assert refused == []


def test_the_page_is_used_by_keyboard_and_says_what_things_are(provider, browser):
    browser.get(provider.link("keys"))
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert [h.text for h in browser.find_elements(By.TAG_NAME, "h1")] == ["Data has been shared with you"]
    levels = [element.tag_name for element in browser.find_elements(By.CSS_SELECTOR, "h1, h2, h3")]
    assert levels == ["h1", "h2", "h3", "h3", "h3", "h3"]
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    button = browser.switch_to.active_element
    assert (button.aria_role, button.accessible_name) == ("button", "Download profile")
    outline = browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", button)
    assert outline == "solid", "nobody sees where the focus is"
    described = browser.execute_script("return document.getElementById(arguments[0].getAttribute('aria-describedby'))", button)
    assert described.text.startswith("This works once.")
    button.send_keys(Keys.ENTER)
    assert downloaded(browser).name == "config.share"


def test_the_page_needs_no_script(provider, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(provider.link("plain"))
    press(browser)
    assert downloaded(browser).name == "config.share"


def picture(browser, name):
    """Keeps the whole page as a picture where SPILLWAY_PICTURES says, to be looked at."""
    folder = os.environ.get("SPILLWAY_PICTURES")
    if folder:
        import base64

        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        pathlib.Path(folder, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
