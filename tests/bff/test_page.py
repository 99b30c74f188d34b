"""The page, in a browser without a screen."""

import json
import shutil

import pytest

from conftest import PATIENCE

webdriver = pytest.importorskip("selenium.webdriver", reason="there is no Selenium (Debian's python3-selenium)")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER),
                                reason="there is no browser (Debian's chromium and chromium-driver)")

IDS = ["courier-42", "courier-7", "nobody"]


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-proxy-server", "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(executable_path=DRIVER), options=options)
    yield driver
    driver.quit()


def row(browser, courier):
    """State and cells of one row; None while it is not there."""
    found = browser.find_elements(By.CSS_SELECTOR, f'tr[data-courier="{courier}"]')
    if not found:
        return None
    return (found[0].get_attribute("data-state"), [cell.text for cell in found[0].find_elements(By.CSS_SELECTOR, "th,td")])


def wait_until(browser, condition):
    return WebDriverWait(browser, PATIENCE, poll_frequency=0.1).until(lambda _: condition())


def await_state(browser, courier, state):
    return wait_until(browser, lambda: (found := row(browser, courier)) and found[0] == state and found)[1]


def complaints(browser):
    """What the page has complained of, but that a request failed, which it shows itself."""
    return [entry for entry in browser.get_log("browser")
            if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]


def test_couriers_appear_change_and_go_stale(start_mock, start_bff, browser, tmp_path):
    fleet = tmp_path / "fleet.json"
    couriers = [{"courier_id": "courier-42", "transport_mode": "bike", "availability": "available", "current_zone": "zone-7"},
                {"courier_id": "courier-7", "transport_mode": "car", "availability": "busy", "current_zone": "zone-1"}]
    fleet.write_text(json.dumps(couriers))
    mock = start_mock("--couriers", str(fleet))
    bff = start_bff(mock.address)
    browser.get(f"{bff.url}/?ids={','.join(IDS)}")

    assert await_state(browser, "courier-42", "live")[:4] == ["courier-42", "bike", "available", "zone-7"]
    assert await_state(browser, "courier-7", "live")[1:4] == ["car", "busy", "zone-1"]
    # The state is said, not only coloured.
    assert "live" in row(browser, "courier-42")[1][4]
    assert "Not Found" in await_state(browser, "nobody", "failed")[4]
    summary = browser.find_element(By.ID, "summary")
    assert summary.get_attribute("role") == "status"
    wait_until(browser, lambda: summary.text == "2 live, 0 stale, 1 failed")

    # The next answer is another one, without anybody touching the page.
    mock.kill()
    couriers[0]["current_zone"] = "zone-8"
    fleet.write_text(json.dumps(couriers))
    mock = start_mock("--couriers", str(fleet), listen=mock.address)
    wait_until(browser, lambda: row(browser, "courier-42")[0] == "live" and row(browser, "courier-42")[1][3] == "zone-8")

    mock.kill()
    cells = await_state(browser, "courier-42", "stale")
    assert cells[1:4] == ["bike", "available", "zone-8"]
    assert "stale" in cells[4] and " old" in cells[4]
    assert "Service Unavailable" in wait_until(
        browser, lambda: "Unavailable" in row(browser, "nobody")[1][4] and row(browser, "nobody")[1][4])
    wait_until(browser, lambda: summary.text == "0 live, 2 stale, 1 failed")

    start_mock("--couriers", str(fleet), listen=mock.address)
    await_state(browser, "courier-42", "live")
    assert complaints(browser) == []


def test_a_page_without_its_server_says_so(start_mock, start_bff, browser):
    bff = start_bff(start_mock().address)
    browser.get(bff.url)
    await_state(browser, "courier-42", "live")
    bff.kill()
    cells = await_state(browser, "courier-42", "failed")
    # What was seen last is still there.
    assert cells[1] == "bike"


def test_what_couriers_are_called_is_text(start_mock, start_bff, browser):
    bff = start_bff(start_mock().address)
    browser.get(f"{bff.url}/?ids=%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D1%3E,courier-42")
    await_state(browser, "courier-42", "live")
    assert browser.find_elements(By.CSS_SELECTOR, "table img") == []
    assert browser.title == "Couriers"


def test_the_page_can_be_used_without_a_mouse_and_without_eyes(start_mock, start_bff, browser):
    bff = start_bff(start_mock().address)
    browser.get(bff.url)
    await_state(browser, "courier-42", "live")
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert browser.find_element(By.TAG_NAME, "caption").text
    assert all(head.get_attribute("scope") == "col" for head in browser.find_elements(By.CSS_SELECTOR, "thead th"))
    assert all(head.get_attribute("scope") == "row" for head in browser.find_elements(By.CSS_SELECTOR, "tbody th"))
    field = browser.find_element(By.ID, "ids")
    assert browser.find_element(By.CSS_SELECTOR, "label[for=ids]").text
    field.clear()
    field.send_keys("courier-1 courier-2\n")
    await_state(browser, "courier-2", "live")
    assert row(browser, "courier-42") is None
    pause = browser.find_element(By.ID, "pause")
    assert pause.accessible_name == "Pause"
    pause.send_keys(" ")
    assert pause.get_attribute("aria-pressed") == "true"
