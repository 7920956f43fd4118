"""The browser extension: buttons in pages that have no script of ours."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Page, Playwright, expect
from redis import Redis

from click2dial_agi import __version__
from sandbox.redis import RedisServer
from tests.browser.agent import Agent
from tests.browser.crm_page import CRMServer, crm_server
from tests.browser.extension import (
    EXTENSION_ORIGIN,
    ROOT,
    Extended,
    allow,
    build,
    extended,
)
from tests.browser.office import ECHO, HANGS_UP, HOST, Office
from tests.browser.test_button import button, row, says
from tests.browser.test_softphone_page import check_accessibility

COOKIE = "session=of-agent-1200"
WORKS = "It works, for extension 1200. Reload the pages that are open."


@pytest.fixture(scope="module")
def unpacked(built: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    extension = build(tmp_path_factory.mktemp("extension"))
    allow(extension, "http://crm.example.com/*", "http://second.example.com/*")
    return extension


@pytest.fixture
def chrome(unpacked: Path, playwright: Playwright, tmp_path: Path) -> Iterator[Extended]:
    with extended(playwright, unpacked, tmp_path / "profile") as browser:
        yield browser
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)


@pytest.fixture
def crm(desk: Office, chrome: Extended) -> Iterator[CRMServer]:
    """One that knows its users by a cookie, and nothing of telephones but tokens."""
    with crm_server(desk) as server:
        server.script, server.origin, server.cookie = "", EXTENSION_ORIGIN, COOKIE
        server.url = f"http://crm.example.com:{desk.crm_port}"
        server.tells_all = True
        server.clients = [
            (ECHO, "client-4711", "082 000 0191"),
            ("+27%20(0)82-000-0100", "client-4712", "082 000 0100"),
            ("082%2000", "client-4713", "Too short"),
            (HANGS_UP, "client-4714", "082 000 0192"),
        ]
        name, _, value = COOKIE.partition("=")
        chrome.context.add_cookies(
            [{"name": name, "value": value, "url": server.url, "sameSite": "Strict"}]
        )
        yield server


@pytest.fixture
def settings(desk: Office, crm: CRMServer) -> dict[str, str]:
    return {
        "server": f"http://{HOST}:{desk.http_port}",
        "token_url": f"{crm.url}/token",
        "sites": crm.url,
        "outbound_id": "27820001234",
    }


@pytest.fixture
def clients(chrome: Extended, settings: dict[str, str], crm: CRMServer) -> Page:
    """The CRM's page with the clients, in a browser whose extension is set up."""
    chrome.set(WORKS, **settings)
    return chrome.new_page(crm.url)


@pytest.fixture
def agent(other_page: Page, desk: Office) -> Agent:
    """The agent's phone: a softphone in another browser."""
    return Agent(other_page, desk).sign_in(key="")


def is_free(page: Page) -> None:
    expect(button(page, "0100")).to_have_attribute("data-state", "free")


@pytest.mark.case("L12")
def test_a_link_that_gets_its_number_later(clients: Page) -> None:
    clients.evaluate(
        """() => {
          const list = document.getElementById("clients");
          list.insertAdjacentHTML("beforeend", '<li id="late"><a>later</a></li>');
          requestAnimationFrame(() => late.firstChild.setAttribute("href", "tel:0820000105"));
        }"""
    )
    expect(button(clients, "later")).to_have_text("Call")
    clients.evaluate("late.firstChild.href = '#'")
    expect(row(clients, "later").get_by_role("button")).to_have_count(0)


def test_a_number_is_called_from_a_page_without_any_script_of_ours(
    agent: Agent, desk: Office, clients: Page
) -> None:
    button(clients, "0191").click()
    says(clients, "0191", "Your phone rings")
    expect(button(clients, "0100")).to_be_disabled()
    agent.button("Answer").click()
    says(clients, "0191", "In a call")
    agent.is_in_call()
    button(clients, "0191").click()  # it hangs up now
    says(clients, "0191", "Call ended")
    expect(button(clients, "0100")).to_be_enabled()
    record = desk.crm.pop()
    assert (record["extension"], record["number"]) == ("1200", ECHO)
    assert (record["contact_ref"], record["dial_number"]) == ("client-4711", "27820001234")


def test_a_server_on_the_host_of_a_site(
    chrome: Extended, desk: Office, crm: CRMServer, settings: dict[str, str], agent: Agent
) -> None:
    """There the browser does not name the extension when it reads."""
    settings["server"] = f"http://crm.example.com:{desk.http_port}"
    chrome.set(WORKS, **settings)
    page = chrome.new_page(crm.url)
    is_free(page)
    button(page, "0192").click()
    agent.button("Answer").click()
    says(page, "0192", "Call ended")
    assert desk.crm.pop()["number"] == HANGS_UP


def test_only_chosen_sites_get_buttons(
    chrome: Extended, desk: Office, crm: CRMServer, settings: dict[str, str]
) -> None:
    """Nor do they in a frame of another site, which could lay something over them."""
    second = f"http://second.example.com:{desk.crm_port}"
    crm.script = f'<iframe src="{crm.url}/" title="crm"></iframe>'
    chrome.set(WORKS, **settings)
    other = chrome.new_page(second)
    expect(other.frame_locator("iframe").get_by_role("listitem")).to_have_count(4)
    own = chrome.new_page(crm.url)
    expect(own.get_by_role("button")).to_have_count(4)
    expect(own.frame_locator("iframe").first.get_by_role("button")).to_have_count(4)
    assert other.get_by_role("button").count() == 0
    assert other.frame_locator("iframe").get_by_role("button").count() == 0


def test_a_site_that_is_chosen_no_more(
    chrome: Extended, desk: Office, clients: Page, settings: dict[str, str], crm: CRMServer
) -> None:
    is_free(clients)
    second = f"http://second.example.com:{desk.crm_port}"
    chrome.set(WORKS, **{**settings, "sites": second})
    button(clients, "0100").click()
    says(clients, "0100", "Not allowed")
    page = chrome.new_page(second)
    expect(page.get_by_role("button")).to_have_count(4)
    clients.reload()
    is_free(page)
    assert clients.get_by_role("button").count() == 0


def test_the_worker_is_stopped_in_mid_call(
    chrome: Extended, agent: Agent, desk: Office, clients: Page, crm: CRMServer
) -> None:
    """The page knows its call, and the browser the token."""
    options = chrome.options()
    clients.bring_to_front()
    button(clients, "0191").click()
    chrome.stop_worker(options)
    says(clients, "0191", "Your phone rings")
    agent.button("Answer").click()
    says(clients, "0191", "In a call")
    asked = crm.tokens
    chrome.stop_worker(options)
    agent.button("Hang up").click()
    says(clients, "0191", "Call ended")
    chrome.stop_worker(options)
    button(clients, "0191").click()
    says(clients, "0191", "Your phone rings")
    chrome.stop_worker(options)
    button(clients, "0191").click()
    says(clients, "0191", "Call ended")
    assert crm.tokens == asked
    assert [desk.crm.pop()["extension"] for _ in range(2)] == ["1200", "1200"]


def test_what_is_refused_is_said_in_words(
    chrome: Extended, clients: Page, crm: CRMServer, store: RedisServer
) -> None:
    crm.language = "af-ZA"
    clients.reload()
    button(clients, "0100").click()
    says(
        clients,
        "0100",
        "Jou foon is nie geregistreer nie (agent: an agent whose phone is registered)",
    )
    button(clients, "Too short").click()
    says(clients, "Too short", re.compile("^Nie .n nommer wat gebel kan word nie .callee: "))
    chrome.context.clear_cookies()
    with Redis.from_url(store.url) as redis:
        redis.delete(*redis.keys("*:token:*"))
    button(clients, "0100").click()
    says(clients, "0100", "Meld weer aan")


def test_a_server_that_is_away_is_not_a_free_agent(clients: Page, desk: Office) -> None:
    is_free(clients)
    desk.server.stop()
    try:
        button(clients, "0100").click()
        says(clients, "0100", "The server cannot be reached")
    finally:
        desk.server.start()
    is_free(clients)


def test_each_page_asks_who_is_signed_in(clients: Page, crm: CRMServer) -> None:
    is_free(clients)
    asked = crm.tokens
    clients.reload()
    is_free(clients)
    assert crm.tokens == asked + 1


FORGED = """async () => {
  const link = document.querySelector('a[href$="0191"]');
  const button = link.nextElementSibling.querySelector("button");
  button.click();
  button.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  button.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  button.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  const form = document.createElement("form");
  button.replaceWith(form);
  form.append(button);
  button.type = "submit";
  form.addEventListener("submit", (event) => event.preventDefault());
  form.requestSubmit(button);
  document.dispatchEvent(new Event("visibilitychange"));
  for (const what of ["create", "live"]) postMessage({ what, callee: "0820000191" }, "*");
  await new Promise((done) => setTimeout(done));
  const here = [typeof globalThis.chrome?.runtime?.sendMessage, typeof globalThis.chrome?.storage];
  const read = (name) => fetch(`ORIGIN/${name}`).then(() => name, () => "none");
  return [...here, await read("manifest.json"), await read("worker.js"), button.dataset.state];
}"""


def test_a_page_cannot_press_for_its_user(
    agent: Agent, desk: Office, clients: Page, crm: CRMServer
) -> None:
    """Scripts of a chosen site see the buttons, and can neither press them nor get a token."""
    is_free(clients)
    seen = clients.evaluate(FORGED.replace("ORIGIN", EXTENSION_ORIGIN))
    assert seen == ["undefined", "undefined", "none", "none", "free"]
    clients.evaluate("document.body.dataset.agent = document.body.dataset.token = '1201'")
    button(clients, "0192").click()
    agent.button("Answer").click()
    says(clients, "0192", "Call ended")
    record = desk.crm.pop()
    assert (record["number"], record["extension"]) == (HANGS_UP, "1200")
    assert desk.crm.waiting() == 0


TAKEN_OVER = """(async () => {
  const ask = (question) => chrome.runtime.sendMessage(question);
  const key = "0123456789abcdef0123456789abcdef";
  const denied = (area) => chrome.storage[area].get().then(() => "read", () => "denied");
  const answers = [];
  for (const question of [
    null, "live", {}, { what: "token" }, { what: "__proto__" }, { what: "constructor" },
    { what: "call", ref: "../calls" }, { what: "call", ref: "" }, { what: "hangUp", ref: {} },
    { what: "create", callee: ["0820000191"], key }, { what: "create", callee: "0820000191" },
    { what: "create", callee: "0".repeat(1001), key },
    { what: "create", callee: "0820000191", contact_ref: {}, key },
  ]) {
    const answer = await ask(question);
    answers.push(Boolean(answer.failed ?? answer.refusal) && !("value" in answer));
  }
  const own = { agent: "1201", outbound_id: "27820009999", body: { agent: "1201" } };
  const created = await ask({ what: "create", callee: "0820000192", key, ...own });
  const areas = [await denied("local"), await denied("session")];
  return [answers.every(Boolean), ...areas, created.value.agent];
})()"""


def test_a_page_that_has_taken_the_extensions_script_over(
    chrome: Extended, agent: Agent, desk: Office, clients: Page
) -> None:
    """A renderer's fault gives it the number that is called, and nothing else."""
    is_free(clients)
    seen = chrome.taken_over(clients, TAKEN_OVER)
    assert seen == [True, "denied", "denied", "1200"]
    agent.button("Answer").click()
    record = desk.crm.pop()
    assert (record["extension"], record["dial_number"]) == ("1200", "27820001234")
    assert desk.crm.waiting() == 0
    expect(row(clients, "0192").get_by_role("button")).to_be_enabled()


def test_it_asks_for_nothing_before_a_site_is_chosen(unpacked: Path) -> None:
    """What is packed is of this version, may reach no site, and lets no page reach it."""
    packed = unpacked.parent / f"click2dial-extension-{__version__}.zip"
    with ZipFile(packed) as files:
        names = set(files.namelist())
        manifest = json.loads(files.read("manifest.json"))
    assert names == {path.name for path in unpacked.iterdir()}
    assert manifest["version"] == __version__
    assert manifest["permissions"] == ["scripting", "storage"]
    assert manifest["optional_host_permissions"] == ["https://*/*", "http://*/*"]
    unwanted = {"host_permissions", "content_scripts", "externally_connectable"}
    assert not manifest.keys() & (unwanted | {"web_accessible_resources", "optional_permissions"})
    documentation = (ROOT / "docs" / "extension.md").read_text("utf-8")
    assert set(re.findall("chrome-extension://[a-p]{32}", documentation)) == {EXTENSION_ORIGIN}


def test_the_options_name_what_is_wrong(chrome: Extended, settings: dict[str, str]) -> None:
    wrong = {
        "server": "ftp://pbx.example.com",
        "token_url": "",
        "sites": "https://crm.example.com https://*.example.com",
        "agent": "12 00",
    }
    page = chrome.options()
    for name, value in (settings | wrong).items():
        page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Save").click()
    for name in wrong:
        expect(page.locator(f"#{name}-wrong")).to_be_visible()
    expect(page.locator("#outbound_id-wrong")).to_be_hidden()
    expect(page.locator("#server")).to_be_focused()
    check_accessibility(page)
    assert page.evaluate("chrome.storage.local.get()") == {}


def test_the_options_say_what_does_not_work(
    chrome: Extended, settings: dict[str, str], crm: CRMServer, desk: Office
) -> None:
    cookies = chrome.context.cookies()
    chrome.context.clear_cookies()
    chrome.set(
        f"Saved, but {crm.url}/token gave no token. Sign in there, then save again.", **settings
    )
    chrome.context.add_cookies(
        [{"name": one["name"], "value": one["value"], "url": crm.url} for one in cookies]
    )
    crm.origin = f"http://{HOST}:{desk.crm_port}"
    chrome.set(
        "Saved, but the telephone system refused: origin: the one that the token was given for",
        **settings,
    )
    crm.origin = EXTENSION_ORIGIN
    # A server that does not know the extension tells it as little as one that is not there.
    chrome.set(
        "Saved, but the telephone system does not answer, or does not know the address below.",
        **{**settings, "server": f"http://{HOST}:{desk.crm_port}"},
    )
    crm.tells_all = False
    chrome.set(
        "It works. Enter your extension: the address of tokens does not tell it.", **settings
    )
    chrome.set(WORKS, **settings, agent="1200")


def test_a_user_who_does_not_allow_it_has_changed_nothing(
    chrome: Extended, settings: dict[str, str]
) -> None:
    page = chrome.options()
    page.evaluate("chrome.permissions.request = () => Promise.resolve(false)")
    for name, value in settings.items():
        page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#outcome")).to_contain_text("Nothing was saved")
    assert page.evaluate("chrome.storage.local.get()") == {}
