"""click2dial.js in a CRM's page: numbers become buttons that tell where the call stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from redis import Redis

from sandbox.chromium import new_page
from sandbox.proxy import Network, Proxy
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.browser.agent import Agent
from tests.browser.crm_page import SCRIPT, CRMServer, crm_server
from tests.browser.office import ECHO, HOST, Office
from tests.browser.test_softphone_page import AXE
from tests.browser.test_softphone_transfer import begin_transfer


@pytest.fixture
def crm(desk: Office) -> Iterator[CRMServer]:
    with crm_server(desk) as server:
        server.clients = [
            (ECHO, "client-4711", "082 000 0191"),
            ("+27%20(0)82-000-0100", "client-4712", "082 000 0100"),
            ("082%2000", "client-4713", "Too short"),
        ]
        yield server


@pytest.fixture
def agent(other_page: Page, desk: Office) -> Agent:
    """The agent's phone: a softphone in another window."""
    return Agent(other_page, desk).sign_in(key="")


@pytest.fixture
def colleague(browser: Browser, desk: Office) -> Iterator[Agent]:
    with new_page(browser) as page:
        yield Agent(page, desk, "1201").sign_in(key="")


LIVE_STATES = {"queued", "ringing-agent", "ringing-callee", "up", "held"}


def row(page: Page, number: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=number)


def button(page: Page, number: str) -> Locator:
    return row(page, number).get_by_role("button")


def says(page: Page, number: str, text: str | re.Pattern[str]) -> None:
    expect(row(page, number).get_by_role("status")).to_have_text(text)


def heard(page: Page) -> list[str]:
    states: list[str] = page.evaluate("heard")
    return states


def test_a_number_is_called_from_the_page(
    page: Page, agent: Agent, desk: Office, crm: CRMServer
) -> None:
    page.goto(crm.url)
    button(page, "0191").click()
    says(page, "0191", "Your phone rings")
    expect(button(page, "0100")).to_be_disabled()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    agent.is_in_call()
    button(page, "0191").click()  # it hangs up now
    says(page, "0191", "Call ended")
    expect(button(page, "0100")).to_be_enabled()
    record = desk.crm.pop()
    assert (record["extension"], record["number"]) == ("1200", ECHO)
    assert (record["contact_ref"], record["dial_number"]) == ("client-4711", "27820001234")
    assert heard(page)[-1] == "ended"
    assert {"calling", "ringing-agent", "up"} <= set(heard(page))
    page.evaluate("document.body.append(axe = document.createElement('i'))")
    page.add_script_tag(path=AXE)
    assert page.evaluate("axe.run(document).then((result) => result.violations)") == []


@pytest.mark.case("L10")
def test_who_hands_his_client_over_is_free_for_the_next_call(
    page: Page, agent: Agent, colleague: Agent, crm: CRMServer
) -> None:
    """The call goes on, as the colleague's: for this agent it has ended."""
    page.goto(crm.url)
    button(page, "0191").click()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    begin_transfer(agent, colleague.extension)
    colleague.button("Answer").click()
    colleague.is_in_call()
    says(page, "0191", "Call ended")
    assert page.evaluate("click2dial.state.record") is None
    assert "unknown" not in heard(page)[1:]
    button(page, "0191").click()
    says(page, "0191", "Your phone rings")
    agent.button("Reject").click()
    says(page, "0191", re.compile("Your phone was not reached|Rejected"))
    colleague.is_in_call()


SIGN_IN = """(agent) => {
  const script = document.createElement("script");
  const before = document.querySelector("script[data-agent]");
  Object.assign(script.dataset, before.dataset, { agent });
  script.src = before.src;
  document.body.append(script);
}"""


@pytest.mark.case("L17")
def test_the_page_is_anothers_once_another_agent_signs_in(
    page: Page, agent: Agent, colleague: Agent, crm: CRMServer
) -> None:
    """In a CRM that does not load its page anew for that."""
    page.goto(crm.url)
    expect(button(page, "0191")).to_be_enabled()
    crm.agent = colleague.extension
    page.evaluate(SIGN_IN, colleague.extension)
    expect(page.locator("script[data-agent]")).to_have_count(2)
    page.wait_for_function("extension => click2dial.agent === extension", arg=colleague.extension)
    expect(button(page, "0191")).to_be_enabled()
    expect(button(page, "0191")).to_have_count(1)
    button(page, "0191").click()
    says(page, "0191", "Your phone rings")
    colleague.button("Reject").click()
    says(page, "0191", re.compile("Your phone was not reached|Rejected"))
    expect(agent.button("Answer")).to_be_hidden()
    page.evaluate("click2dial.stop()")
    expect(page.get_by_role("button")).to_have_count(0)


def test_who_is_in_a_call_already_cannot_press(
    page: Page, agent: Agent, desk: Office, crm: CRMServer
) -> None:
    page.goto(crm.url)
    expect(button(page, "0100")).to_be_enabled()
    agent.call(ECHO)
    expect(button(page, "0100")).to_be_disabled()
    expect(button(page, "0100")).to_have_attribute("title", "You are in a call")
    agent.button("Hang up").click()
    expect(button(page, "0100")).to_be_enabled()


def test_what_is_refused_is_said_in_words(page: Page, desk: Office, crm: CRMServer) -> None:
    crm.language = "af-ZA"
    page.goto(crm.url)
    button(page, "0100").click()
    says(
        page,
        "0100",
        "Jou foon is nie geregistreer nie (agent: an agent whose phone is registered)",
    )
    button(page, "Too short").click()
    says(page, "Too short", re.compile("^Nie .n nommer wat gebel kan word nie .callee: "))
    expect(button(page, "0100")).to_be_enabled()


def test_rows_that_come_and_go(page: Page, desk: Office, crm: CRMServer) -> None:
    page.goto(crm.url)
    expect(page.get_by_role("button")).to_have_count(3)
    page.evaluate(
        """clients.insertAdjacentHTML("beforeend",
        '<li><a href="TEL:0820000105">new</a> <a href="mailto:x@example.com">x</a></li>')"""
    )
    expect(button(page, "new")).to_have_text("Call")
    page.evaluate("clients.querySelector('a').remove()")
    expect(page.get_by_role("button")).to_have_count(3)


@pytest.mark.case("C23")
def test_a_page_that_is_isolated_from_other_origins(
    page: Page, agent: Agent, desk: Office, crm: CRMServer
) -> None:
    crm.isolated = True
    page.goto(crm.url)
    assert page.evaluate("crossOriginIsolated")
    button(page, "0191").click()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    button(page, "0191").click()
    says(page, "0191", "Call ended")


@pytest.mark.case("L12")
def test_links_that_change(page: Page, desk: Office, crm: CRMServer) -> None:
    """Frameworks put a link into the page first, then its address; and give it another."""
    page.goto(crm.url)
    expect(page.get_by_role("button")).to_have_count(3)
    page.evaluate(
        """() => {
          clients.insertAdjacentHTML("beforeend", '<li id="late"><a>later</a></li>');
          requestAnimationFrame(() => late.firstChild.setAttribute("href", "tel:0820000105"));
        }"""
    )
    expect(button(page, "later")).to_have_text("Call")
    page.evaluate("late.firstChild.textContent = 'later and renamed'")
    expect(button(page, "renamed")).to_have_attribute("aria-label", "Call later and renamed")
    page.evaluate("late.firstChild.firstChild.nodeValue = 'later and again'")
    expect(button(page, "again")).to_have_attribute("aria-label", "Call later and again")
    page.evaluate("late.firstChild.href = 'mailto:x@example.com'")
    expect(page.get_by_role("button")).to_have_count(3)
    page.evaluate("late.firstChild.href = ' TEL:0820000105'")
    expect(button(page, "again")).to_have_text("Call")


@pytest.mark.case("L12")
def test_a_call_is_shown_at_its_number_wherever_that_is_now(
    page: Page, agent: Agent, crm: CRMServer
) -> None:
    """A list that is sorted while one talks: its links get the numbers of others."""
    page.goto(crm.url)
    button(page, "0191").click()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    page.evaluate(
        """() => {
          const [one, other] = clients.querySelectorAll("a");
          [one.href, other.href] = [other.href, one.href];
          [one.textContent, other.textContent] = [other.textContent, one.textContent];
        }"""
    )
    says(page, "0191", "In a call")
    says(page, "0100", "")
    expect(button(page, "0100")).to_be_disabled()
    page.evaluate("clients.innerHTML = clients.innerHTML")  # drawn anew, with copies of the buttons
    expect(page.get_by_role("button")).to_have_count(3)
    says(page, "0191", "In a call")
    page.evaluate("document.body = document.body.cloneNode(true)")
    expect(page.get_by_role("button")).to_have_count(3)
    button(page, "0191").click()
    says(page, "0191", "Call ended")


@pytest.mark.case("L14")
def test_a_page_that_was_loaded_while_the_server_was_away(
    page: Page, desk: Office, crm: CRMServer
) -> None:
    """It learns how numbers are dialled here as soon as there is somebody to ask."""
    page.route("**/click2dial.json", lambda route: route.abort(), times=1)
    with page.expect_response("**/click2dial.json"):
        page.goto(crm.url)
    button(page, "0100").click()  # +27 (0)82 …
    says(page, "0100", re.compile("Your phone is not registered"))


def test_a_script_that_is_run_twice(page: Page, desk: Office, crm: CRMServer) -> None:
    """By a page that exchanges its body: there is one of each button, and one who asks."""
    crm.script = SCRIPT + SCRIPT
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    with page.expect_response("**/click2dial/calls"):
        button(page, "0100").click()
    says(page, "0100", re.compile("Your phone is not registered"))
    expect(page.get_by_role("button")).to_have_count(3)
    assert heard(page) == ["free", "calling", "refused"]


def test_many_links_do_not_slow_a_page_down(page: Page, desk: Office, crm: CRMServer) -> None:
    """Whatever else changes in it: it is the changes that are looked at, and not all links."""
    crm.clients = [(f"08200{n:05d}", f"client-{n}", f"row {n}") for n in range(2000)]
    page.goto(crm.url)
    expect(page.get_by_role("button")).to_have_count(2000)
    took = page.evaluate(
        """async () => {
          const other = document.body.appendChild(document.createElement("p"));
          const began = performance.now();
          for (let n = 0; n < 1000; n++) {
            other.innerHTML = `<b>${n}</b>`;
            await 0;  // as long as what is done about it takes
          }
          return performance.now() - began;
        }"""
    )
    print(f"1,000 changes beside 2,000 links: {took:.0f} ms")
    assert took < patience(0.5) * 1000


def test_a_link_in_a_shadow_root(page: Page, desk: Office, crm: CRMServer) -> None:
    page.goto(crm.url)
    page.evaluate(
        """() => {
          const host = document.body.appendChild(document.createElement("p"));
          const root = host.attachShadow({ mode: "open" });
          root.innerHTML = '<a href="tel:0820000105">inside</a>';
          click2dial.watch(root);
        }"""
    )
    page.locator("p").get_by_role("button").click()
    expect(page.locator("p").get_by_role("status")).to_contain_text("Your phone is not registered")


def test_a_page_with_a_strict_policy(page: Page, desk: Office, crm: CRMServer) -> None:
    """Nothing inline, and no HTML out of texts."""
    server = f"http://{HOST}:{desk.http_port}"
    crm.policy = (
        f"default-src 'none'; script-src {server}; connect-src 'self' {server};"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    button(page, "0100").click()
    says(page, "0100", re.compile("Your phone is not registered"))


def test_a_token_that_runs_out_is_renewed(
    page: Page, desk: Office, crm: CRMServer, store: RedisServer
) -> None:
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    with Redis.from_url(store.url) as redis:
        redis.delete(*redis.keys("*:token:*"))
    button(page, "0100").click()
    says(page, "0100", "Your phone is not registered (agent: an agent whose phone is registered)")
    assert crm.tokens == 2


def test_a_server_that_is_away_is_not_a_free_agent(
    page: Page, desk: Office, crm: CRMServer
) -> None:
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    desk.server.stop()
    try:
        button(page, "0100").click()
        says(page, "0100", "The server cannot be reached")
    finally:
        desk.server.start()
    expect(button(page, "0100")).to_have_attribute("data-state", "free")


@pytest.fixture
def proxy(desk: Office, crm: CRMServer) -> Iterator[Proxy]:
    """What the CRM's page reaches the server by."""
    proxy = Proxy(desk.http_port)
    crm.script = SCRIPT.replace("{server}", f"http://{HOST}:{proxy.port}")
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.mark.case("L11")
def test_a_server_that_does_not_answer_is_unknown(
    page: Page, agent: Agent, crm: CRMServer, proxy: Proxy
) -> None:
    """The connections stay and nothing comes: neither free nor in a call is known any more."""
    page.clock.install()
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    proxy.network = Network.DROPS
    page.clock.fast_forward(31_000)  # it is asked now and then
    page.clock.fast_forward(11_000)
    expect(button(page, "0100")).to_have_attribute("data-state", "unknown")
    button(page, "0191").click()
    for _ in range(2):
        page.clock.fast_forward(26_000)
    says(page, "0191", "The server cannot be reached")
    expect(button(page, "0100")).to_be_enabled()
    proxy.network = Network.WORKS
    page.clock.fast_forward(31_000)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    button(page, "0191").click()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    proxy.network = Network.DROPS
    page.clock.fast_forward(31_000)
    page.clock.fast_forward(11_000)
    says(page, "0191", "The server cannot be reached")
    expect(button(page, "0191")).to_have_text("Hang up")
    expect(button(page, "0100")).to_be_disabled()
    proxy.network = Network.WORKS
    page.clock.fast_forward(31_000)
    says(page, "0191", "In a call")
    button(page, "0191").click()
    says(page, "0191", "Call ended")


@pytest.mark.case("L11")
def test_a_stream_of_which_nothing_is_heard_is_begun_anew(
    page: Page, crm: CRMServer, proxy: Proxy
) -> None:
    page.clock.install()
    with page.expect_response("**/click2dial/events"):
        page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    proxy.halt()
    with page.expect_response("**/click2dial/events"):
        for _ in range(3):
            page.clock.fast_forward(46_000)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")


def test_its_files_are_for_everybody(desk: Office) -> None:
    with httpx.Client(base_url=f"http://{HOST}:{desk.http_port}") as http:
        assert "click2dial:state" in http.get("/click2dial.js").text
        assert "click2dial:state" in http.get("/click2dial.d.ts").text
        assert http.get("/click2dial.json").json()["numbers"]["dialled"]
        assert http.get("/click2dial/calls").status_code == 401


TAKES_THE_NAME = {
    "the script": SCRIPT.replace("<script ", '<script id="click2dial" '),
    "an element": f'<div id="click2dial"></div>{SCRIPT}',
    "a frame": f'<iframe name="click2dial"></iframe>{SCRIPT}',
    "a variable": f"<script>var click2dial = [];</script>{SCRIPT}",
}


@pytest.mark.case("L50")
@pytest.mark.parametrize("script", TAKES_THE_NAME.values(), ids=TAKES_THE_NAME.keys())
def test_a_page_that_has_something_of_that_name(page: Page, crm: CRMServer, script: str) -> None:
    """Of what has an id browsers make a global."""
    crm.script = script
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    assert page.evaluate("click2dial.state.state") == "free"


@pytest.mark.case("L50")
def test_a_script_that_is_taken_in_as_a_module(page: Page, crm: CRMServer) -> None:
    crm.script = SCRIPT.replace("<script ", '<script type="module" ')
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")


@pytest.mark.case("L51")
@pytest.mark.parametrize("how", ["insertBefore(two, one)", "append(two, one)", "prepend(two)"])
def test_links_that_are_moved_take_their_buttons_along(
    page: Page, crm: CRMServer, how: str
) -> None:
    """As a list that is sorted: what is behind a number calls that number."""
    page.goto(crm.url)
    page.evaluate(
        """() => clients.insertAdjacentHTML("beforeend", '<li id="flat">' +
          '<a id="one" href="tel:0820000105">One</a> ' +
          '<a id="two" href="tel:0820000106">Two</a></li>')"""
    )
    flat = page.locator("#flat")
    expect(flat.get_by_role("button")).to_have_count(2)
    page.evaluate(f"flat.{how}")
    seen = "[...flat.querySelectorAll('a, button')].map((one) => one.ariaLabel ?? one.textContent)"
    expect(flat.locator("a").first).to_have_text("Two")
    page.wait_for_function(f"{seen}.join() === 'Two,Call Two,One,Call One'")


@pytest.mark.case("L52")
def test_a_text_that_is_being_written_gets_no_buttons(page: Page, crm: CRMServer) -> None:
    """They would be sent with the e-mail; and an editor that takes them out again never ended."""
    page.goto(crm.url)
    page.evaluate(
        """() => {
          globalThis.drawn = 0;
          const text = '<p>Call <a href="tel:0820000105">me</a></p>';
          document.body.insertAdjacentHTML("beforeend", '<div id="editor" contenteditable></div>');
          const draw = () => {
            if (editor.innerHTML === text || drawn === 1000) return;
            drawn += 1;
            editor.innerHTML = text;
          };
          new MutationObserver(draw).observe(editor, { childList: true, subtree: true });
          draw();
        }"""
    )
    buttons = page.locator("#editor").get_by_role("button")
    page.evaluate("clients.insertAdjacentHTML('beforeend', '<li><a href=tel:1001>seen</a></li>')")
    expect(button(page, "seen")).to_have_count(1)  # by then all before it has been looked at
    expect(buttons).to_have_count(0)
    assert page.evaluate("drawn") == 1
    added = '<p id="note"><a href="tel:0820000105">me</a></p>'
    page.evaluate("added => editor.insertAdjacentHTML('afterend', added)", added)
    note = page.locator("#note").get_by_role("button")
    expect(note).to_have_count(1)
    page.evaluate("note.contentEditable = 'true'")
    expect(note).to_have_count(0)
    page.evaluate("note.contentEditable = 'false'")
    expect(note).to_have_count(1)


NOT_OURS = ['{"errors": "no"}', '{"errors": ["no"]}', '{"errors": {"a": 1}}', "null", "<h1>no</h1>"]


@pytest.mark.case("L56")
@pytest.mark.parametrize("body", NOT_OURS)
def test_what_a_proxy_refuses_is_refused(page: Page, crm: CRMServer, body: str) -> None:
    """And is not asked again, as if there had been no answer."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        asked.append(route.request.url)
        route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"}, body=body)

    page.route("**/click2dial/calls", refuse)
    page.goto(crm.url)
    button(page, "0100").click()
    says(page, "0100", "Not allowed")
    assert len(asked) == 1


def told(page: Page, pattern: str, body: str, status: int = 200) -> list[str]:
    """Have the API answer so; return the list of what is asked of it, which grows."""
    asked: list[str] = []

    def tell(route: Route) -> None:
        asked.append(route.request.method)
        if route.request.method == "OPTIONS":
            route.fallback()
        else:
            allowed = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
            route.fulfill(status=status, headers=allowed, body=body)

    page.route(pattern, tell)
    return asked


@pytest.mark.case("L81")
def test_a_list_that_is_not_complete_says_of_nobody_that_he_is_free(
    page: Page, agent: Agent, desk: Office, crm: CRMServer
) -> None:
    """A call that his phone has placed is missing from it while its PBX cannot be asked."""
    told(page, "**/click2dial/calls", '{"calls": [], "complete": false}')
    page.clock.install()
    page.goto(crm.url)
    expect(button(page, "0191")).to_have_attribute("data-state", "unknown")
    with page.expect_response("**/click2dial/calls"):
        page.clock.fast_forward(31_000)
    assert page.evaluate("click2dial.state.state") == "unknown"
    assert "free" not in heard(page)
    page.unroute("**/click2dial/calls")
    page.clock.fast_forward(31_000)
    expect(button(page, "0191")).to_have_attribute("data-state", "free")
    told(page, "**/click2dial/calls", '{"calls": [], "complete": false}')
    page.clock.fast_forward(31_000)
    expect(button(page, "0191")).to_have_attribute("data-state", "unknown")


NO_STATES = [
    *("null", "{}", '"up"', '{"state": null}', '{"state": "parked"}', '{"state": "calling"}'),
    *('{"state": "free"}', '{"state": "constructor"}', '{"state": ["up"]}'),
]


@pytest.mark.case("L82")
@pytest.mark.parametrize("call", NO_STATES)
def test_a_call_without_a_state_that_is_known(page: Page, crm: CRMServer, call: str) -> None:
    """A page is told of states that are documented alone; a button says no more than it knows."""
    told(page, "**/click2dial/calls", f'{{"calls": [{call}], "complete": true}}')
    page.clock.install()
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "unknown")
    page.unroute("**/click2dial/calls")
    page.clock.fast_forward(31_000)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    told(page, "**/click2dial/calls", f'{{"calls": [{call}], "complete": true}}')
    page.clock.fast_forward(31_000)
    expect(button(page, "0100")).to_have_attribute("data-state", "unknown")
    assert heard(page) == ["free", "unknown"]


@pytest.mark.case("L82")
@pytest.mark.parametrize("call", ["null", "{}", '{"state": "parked"}'])
def test_a_call_of_ours_without_a_state_that_is_known(
    page: Page, agent: Agent, crm: CRMServer, call: str
) -> None:
    """It goes on as far as anybody knows: it can be hung up, and no other begun."""
    page.clock.install()
    page.goto(crm.url)
    button(page, "0191").click()
    agent.button("Answer").click()
    says(page, "0191", "In a call")
    told(page, "**/click2dial/calls/*", call)
    page.clock.fast_forward(31_000)
    says(page, "0191", "The server cannot be reached")
    expect(button(page, "0191")).to_have_text("Hang up")
    expect(button(page, "0100")).to_be_disabled()
    page.unroute("**/click2dial/calls/*")
    button(page, "0191").click()
    says(page, "0191", "Call ended")
    assert set(heard(page)) <= {*LIVE_STATES, "free", "calling", "unknown", "ended"}


@pytest.mark.case("L83")
@pytest.mark.parametrize("answer", ["null", "{}", "[]"])
def test_an_answer_without_a_call_ref_is_no_call(page: Page, crm: CRMServer, answer: str) -> None:
    """Nobody can tell then what became of it; it was `ringing-agent`, and soon `ended`."""
    page.goto(crm.url)
    expect(button(page, "0100")).to_have_attribute("data-state", "free")
    told(page, "**/click2dial/calls", answer, 201)
    button(page, "0100").click()
    says(page, "0100", "The server cannot be reached")
    assert heard(page) == ["free", "calling", "unknown"]
