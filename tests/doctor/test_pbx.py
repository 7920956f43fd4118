"""What doctor finds on a real Asterisk: each fault is made there."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.app.doctor import Finding, Level
from click2dial_agi.app.doctor.modules import FOR_ALL, FOR_STEERING
from click2dial_agi.domain.live.board import HEARD
from sandbox import ports
from sandbox.process import until
from tests.doctor.conftest import DIALPLAN, Place

APPLICATIONS = re.compile(
    r"^(?:exten => [^,]+,[^,]+,| same => n(?:\([a-z]+\))?,)([A-Za-z]+)\(", re.MULTILINE
)
FUNCTION = re.compile(r"\b([A-Z][A-Z0-9_]+)\(")
PROVIDED_BY = re.compile(r"\[Provided By\]\s*(\S+)")
SINCE = re.compile(r"\[Since\]\s*(\S.*)")
VERSION = re.compile(r"\d+(?:\.\d+)+")
COLOURS = re.compile("\x1b\\[[0-9;]*m")

#: What docs/operations.md says.
OLDEST = (18, 16, 0)
DIALPLANS = sorted(DIALPLAN.parent.glob("*.conf"))


def statements(dialplan: Path) -> str:
    """Return a dialplan without its comments."""
    return "\n".join(line for line in dialplan.read_text().splitlines() if line[:1] != ";")


def test_nothing_is_found_where_nothing_is_wrong(place: Place) -> None:
    found = place.found()
    assert set(found) == {"extension-unknown"}
    # The one endpoint that is wrong whatever the configuration.
    assert "endpoint" in found["extension-unknown"].what


@pytest.mark.case("O15")
def test_a_wrong_password_is_named(place: Place) -> None:
    asterisk = {**place.server.config["asterisk"], "ari_password": "another"}
    found = place.found(asterisk=asterisk)["ari-password"]
    assert "does not know click2dial with this password" in found.what
    assert "another" not in found.line()


def test_a_manager_that_does_not_do_what_is_needed_is_named(place: Place) -> None:
    def found(**changes: str) -> dict[str, Finding]:
        asterisk = {**place.server.config["asterisk"], **place.pbx.manager, **changes}
        named = place.found(asterisk=asterisk)
        return {kind: one for kind, one in named.items() if kind.startswith("manager-")}

    assert found() == {}
    [(kind, one)] = found(ami_password="another").items()
    assert kind == "manager-password"
    assert "does not let click2dial in" in one.what
    assert "another" not in one.line()
    [(kind, one)] = found(ami=f"127.0.0.1:{ports.free_port()}").items()
    assert kind == "manager-away"
    with place.pbx.edited("manager.conf", "write = call,agent", "write = agent", "manager reload"):
        [(kind, one)] = found().items()
        assert kind == "manager-rights"
        assert "may not BlindTransfer, " in one.what
        assert "write = call,agent" in one.cure


@contextlib.contextmanager
def without(place: Place, module: str) -> Iterator[None]:
    place.pbx.cli(f"module unload {module}.so")
    try:
        yield
    finally:
        place.pbx.cli(f"module load {module}.so")


def with_manager(place: Place) -> dict[str, Any]:
    return {"asterisk": {**place.server.config["asterisk"], **place.pbx.manager}}


@pytest.mark.case("O38")
def test_a_user_of_ari_who_may_only_read_is_named(place: Place) -> None:
    with place.pbx.edited(
        "ari.conf", "read_only = no", "read_only = yes", "module reload res_ari.so"
    ):
        found = place.found(**place.integrator(http=f"127.0.0.1:{ports.free_port()}"))
    assert found["ari-read-only"].level is Level.DANGER
    assert "read_only = no in [click2dial] of ari.conf" in found["ari-read-only"].cure


@pytest.mark.case("O38")
@pytest.mark.parametrize(
    ("read", "missing"), [("system", "agent and call"), ("call", "agent"), ("", "agent and call")]
)
def test_a_user_of_the_manager_who_is_told_nothing_is_named(
    place: Place, read: str, missing: str
) -> None:
    """What he may have done is another right."""
    before = "read = call,agent\n"
    with place.pbx.edited("manager.conf", before, f"read = {read}\n", "manager reload"):
        found = place.found(**with_manager(place))
    assert f"is told no events of {missing}" in found["manager-deaf"].what
    assert "manager-rights" not in found
    with place.pbx.edited("manager.conf", before, "read = all\n", "manager reload"):
        assert "manager-deaf" not in place.found(**with_manager(place))


@pytest.mark.case("O38")
def test_events_that_the_manager_keeps_back_are_named(place: Place) -> None:
    kept = "eventfilter(action(include),name(QueueMemberAdded)) =\n"
    with place.pbx.edited("manager.conf", kept, "", "manager reload"):
        found = place.found(**with_manager(place))["manager-filter"]
        assert "[click2dial] is not told of QueueMemberAdded" in found.what
    with place.pbx.edited("manager.conf", "= Newexten", "= Hangup,Newexten", "manager reload"):
        found = place.found(**with_manager(place))["manager-filter"]
        assert "[click2dial] is not told of Hangup" in found.what
    of_phones = "DeviceStateChange),header(Device),method(starts_with)) = PJSIP/\n"
    with place.pbx.edited("manager.conf", of_phones, "DeviceStateChange)) =\n", "manager reload"):
        assert "manager-filter" not in place.found(**with_manager(place))
    whatever = f"{kept}eventfilter(action(exclude),name(VarSet)) =\n"
    with place.pbx.edited("manager.conf", kept, whatever, "manager reload"):
        assert "manager-filter" not in place.found(**with_manager(place))


def test_the_sample_lets_in_what_is_needed() -> None:
    sample = (DIALPLAN.parents[1] / "etc/asterisk/manager.conf").read_text()
    let_in = re.findall(r"^eventfilter\(action\(include\),name\((\w+)\)", sample, re.M)
    assert let_in == [*HEARD]


@pytest.mark.case("O38")
@pytest.mark.parametrize(
    ("module", "level"),
    [("app_queue", Level.NOTE), ("app_senddtmf", Level.NOTE), ("app_mixmonitor", Level.NOTE)],
)
def test_an_action_whose_module_is_missing_is_no_missing_right(
    place: Place, module: str, level: Level
) -> None:
    with without(place, module):
        found = place.everything(**with_manager(place))
    assert "manager-rights" not in {one.check for one in found}
    [missing] = [one for one in found if f"without {module}.so" in one.what]
    assert (missing.check, missing.level) == ("module-missing", level)


@pytest.mark.case("O38")
def test_a_pbx_without_sound_for_browsers_is_named(place: Place) -> None:
    edge = {"listen": f"127.0.0.1:{ports.free_port()}", "upstream": place.pbx.ws_url}
    with without(place, "res_srtp"):
        found = place.found(edge=edge)["module-missing"]
    assert "res_srtp.so" in found.what
    assert "each call of a browser fails" in found.why


@pytest.mark.case("O39")
def test_an_ari_without_its_settings_is_one_all_the_same(place: Place) -> None:
    with without(place, "res_ari_asterisk"):
        found = place.found()
    assert "ari-elsewhere" not in found
    assert "module load res_ari_asterisk.so" in found["module-missing"].cure


@pytest.mark.case("O39")
def test_an_address_of_ari_that_is_not_quite_it(place: Place) -> None:
    def found(url: str) -> dict[str, Finding]:
        return place.found(asterisk={**place.server.config["asterisk"], "ari_url": url})

    assert "ari-elsewhere" not in found(f"{place.pbx.ari_url}/")
    server = place.pbx.ari_url.removesuffix("/ari")
    for url in (server, f"{server}/asterisk/ari"):
        assert "http://HOST:PORT/ari; with a prefix" in found(url)["ari-elsewhere"].cure


@pytest.mark.case("O15")
def test_a_disabled_http_server_is_named(place: Place) -> None:
    conf = place.pbx.etc / "http.conf"
    text = conf.read_text()
    conf.write_text(text.replace("enabled = yes", "enabled = no"))
    try:
        place.pbx.cli("module reload http")
        found = place.found(**place.integrator(http=f"127.0.0.1:{ports.free_port()}"))
        assert found["ari-away"].level is Level.DANGER
        assert found["ari-away"].cure.startswith("systemctl status asterisk")
        assert "http.conf" in found["ari-away"].cure
    finally:
        conf.write_text(text)
        place.pbx.cli("module reload http")
        until(lambda: "ari-away" not in place.found(), 10, "Asterisk's HTTP server")


def test_another_server_in_aris_place_is_named(place: Place) -> None:
    url = place.pbx.ari_url.replace("/ari", "/elsewhere")
    found = place.found(asterisk={**place.server.config["asterisk"], "ari_url": url})
    assert "answers 404, which is no ARI" in found["ari-elsewhere"].what


@pytest.mark.case("O6")
def test_missing_modules_are_named(place: Place) -> None:
    """All at once: each start of Asterisk takes a second."""
    modules = [
        *("app_stack", "func_channel", "func_cut", "func_env", "func_sha1", "func_uri", "res_agi")
    ]
    conf = place.pbx.etc / "modules.conf"
    text = conf.read_text()
    place.pbx.stop()
    conf.write_text(text + "".join(f"noload = {module}.so\n" for module in modules))
    try:
        place.pbx.start()
        missing = [one for one in place.all_found() if one.check == "module-missing"]
    finally:
        conf.write_text(text)
        place.pbx.stop()
        place.pbx.start()
    assert {one.level for one in missing} == {Level.DANGER}
    for module, found in zip(modules, missing, strict=True):
        assert f"{module}.so" in found.what
        assert f"module load {module}.so" in found.cure


@pytest.mark.case("O6")
def test_every_module_that_the_dialplan_needs_is_known(place: Place) -> None:
    text = statements(DIALPLAN)
    needed = {*FOR_ALL, *FOR_STEERING, "app_mixmonitor", "app_queue"}
    functions = set(FUNCTION.findall(text)) - {"AGI"}
    applications = set(APPLICATIONS.findall(text)) | {"AGI"}
    assert len(functions) > 10
    assert len(applications) > 5
    unknown = {}
    for kind, names in (("function", functions), ("application", applications)):
        for name in names:
            said = COLOURS.sub("", place.pbx.cli(f"core show {kind} {name}"))
            provided = PROVIDED_BY.search(said)
            if provided is None or provided[1] not in {*needed, "builtin"}:
                unknown[name] = said if provided is None else provided[1]
    assert unknown == {}


@pytest.mark.case("T90")
def test_the_dialplan_needs_no_newer_asterisk_than_it_says(place: Place) -> None:
    """Asterisk's documentation tells, of each branch, since when it has a function."""
    functions = {name for path in DIALPLANS for name in FUNCTION.findall(statements(path))}
    assert len(functions) > 20
    newer = {}
    for name in functions - {"AGI"}:
        said = COLOURS.sub("", place.pbx.cli(f"core show function {name}"))
        told = SINCE.search(said)
        assert told is not None, said
        since = [tuple(map(int, one.split("."))) for one in VERSION.findall(told[1])]
        of_branch = [one for one in since if one[0] == OLDEST[0]]
        if not since or min(of_branch or since) > OLDEST:
            newer[name] = told[1]
    assert newer == {}


@pytest.mark.case("T92")
def test_headers_are_listed_by_a_beginning(place: Place) -> None:
    """Without one an Asterisk before 18.20 lists none, and says so in its log alone."""
    for path in DIALPLANS:
        assert "PJSIP_HEADERS()" not in statements(path)
    assert "C2D_ALL_HEADERS=\n" in COLOURS.sub("", place.pbx.cli("dialplan show globals")) + "\n"


@pytest.mark.case("O5")
def test_a_spool_that_nobody_reads_is_named(place: Place) -> None:
    place.set_global("C2D_SPOOL", "/var/spool/elsewhere/calls.spool")
    found = place.found()["spool-elsewhere"]
    assert found.level is Level.DANGER
    assert "/var/spool/elsewhere/calls.spool" in found.what
    assert f"C2D_SPOOL = {place.server.config['spool_dir']}/calls.spool" in found.cure


@pytest.mark.case("O5")
def test_records_that_asterisk_could_not_write_are_told_of(place: Place) -> None:
    place.set_global("C2D_UNKEPT", "0")
    assert "calls-unkept" not in place.found()
    place.set_global("C2D_UNKEPT", "12")
    try:
        found = place.found()["calls-unkept"]
    finally:
        place.set_global("C2D_UNKEPT", "")
    assert found.level is Level.DANGER
    assert "12 times no server took one" in found.what
    assert f"{place.server.config['spool_dir']}/calls.spool" in found.cure


def test_recordings_that_nobody_reads_are_named(place: Place) -> None:
    place.set_global("C2D_RECORDINGS", "/var/elsewhere")
    found = place.found(**place.integrator(record=True))
    assert found["recordings-elsewhere"].level is Level.DANGER


@pytest.mark.parametrize(
    ("servers", "kinds"),
    [
        ("agi://127.0.0.1:1", {"agi-elsewhere", "agi-unreachable"}),
        ("agi://nowhere.invalid:4574", {"agi-elsewhere", "agi-unreachable"}),
        ("127.0.0.1:4574", {"agi-elsewhere", "agi-address"}),
        ("OURS agi://127.0.0.1:1", {"agi-unreachable"}),
        ("", {"agi-elsewhere"}),
    ],
)
def test_servers_that_are_not_this_one_are_named(
    place: Place, servers: str, kinds: set[str]
) -> None:
    place.set_global("C2D_AGI", servers.replace("OURS", place.server.agi_url))
    found = place.found()
    assert {kind for kind in found if kind.startswith("agi-")} == kinds


def test_a_server_that_does_not_run_is_not_taken_for_another(place: Place) -> None:
    """C2D_AGI is right: the cure is to start it."""
    port = ports.free_port()
    place.set_global("C2D_AGI", f"agi://127.0.0.1:{port}")
    agi = {**place.server.config["agi"], "listen": f"127.0.0.1:{port}"}
    kinds = set(place.found(agi=agi))
    assert "not-listening" in kinds
    assert not {kind for kind in kinds if kind.startswith("agi-")}


def test_a_dialplan_that_is_not_included_is_named(place: Place) -> None:
    for name in ("C2D_SPOOL", "C2D_RECORDINGS"):
        place.set_global(name, "")
    found = place.found()["dialplan-missing"]
    assert found.level is Level.DANGER
    assert "#include" in found.cure


@pytest.mark.case("O9")
def test_a_dialplan_that_a_reload_has_taken_away_is_named(place: Place) -> None:
    """Asterisk keeps the globals of what it no longer has."""
    conf = place.pbx.etc / "extensions.conf"
    text = conf.read_text()
    conf.write_text(text.replace('#include "', ';#include "'))
    try:
        place.pbx.cli("dialplan reload")
        assert place.pbx.cli("dialplan show globals").count("C2D_") > 3
        found = place.found()["dialplan-missing"]
    finally:
        conf.write_text(text)
        place.pbx.cli("dialplan reload")
    assert found.level is Level.DANGER


@pytest.mark.case("O11")
def test_a_dialplan_of_another_version_is_named(place: Place) -> None:
    place.set_global("C2D_VERSION", "0.0.1")
    try:
        found = place.found()["dialplan-version"]
    finally:
        place.set_global("C2D_VERSION", "")
    assert "Asterisk's dialplan is version 0.0.1" in found.what
    assert "dialplan reload" in found.cure


def test_secrets_that_differ_are_named_and_not_shown(place: Place) -> None:
    place.set_global("C2D_SECRET", "hush-hush-hush")
    try:
        found = place.found()["secret-differs"]
    finally:
        place.set_global("C2D_SECRET", "")
    assert "hush" not in found.line()


@pytest.mark.case("T65")
def test_a_secret_that_ends_as_a_comment_is_named(place: Place) -> None:
    """As Asterisk reads ``C2D_SECRET = hush-hush ;hush-hush``."""
    place.set_global("C2D_SECRET", "hush-hush")
    try:
        agi = {**place.server.config["agi"], "secret": "hush-hush ;hush-hush"}
        found = place.found(agi=agi)["secret-differs"]
    finally:
        place.set_global("C2D_SECRET", "")
    assert r"write \;" in found.cure
    assert "hush" not in found.line()


@pytest.mark.parametrize(
    ("numbers", "level", "word"),
    [
        ("112 10111 10177", Level.DANGER, "C2D_EMERGENCY lacks 107"),
        ("112 10111 10177 107 911", Level.WARNING, "emergency: lacks 911"),
    ],
)
def test_emergency_numbers_that_differ_are_named(
    place: Place, numbers: str, level: Level, word: str
) -> None:
    place.set_global("C2D_EMERGENCY", numbers)
    try:
        found = place.found()["emergency-differs"]
    finally:
        place.set_global("C2D_EMERGENCY", "112 10111 10177 107")
    assert (found.level, word in found.what) == (level, True)


@pytest.mark.case("O8")
@pytest.mark.parametrize(("ahead", "word"), [(300, "behind"), (-300, "ahead of")])
def test_clocks_that_differ_are_named_with_the_difference(
    place: Place, monkeypatch: pytest.MonkeyPatch, ahead: int, word: str
) -> None:
    ours = time.time
    monkeypatch.setattr("click2dial_agi.io.ari_facts.time.time", lambda: ours() + ahead)
    found = place.found()["clocks-differ"]
    assert re.search(rf"(299|300|301) s {word} this server's", found.what)


def test_an_endpoint_that_nobody_owns_is_named(place: Place) -> None:
    found = place.found(**place.integrator(extensions=["1000-1299", "3000-3999"]))
    assert "endpoint bob dials through click2dial" in found["extension-unknown"].what
    assert "set_var = C2D_EXTENSION" in found["extension-unknown"].cure


def test_an_agents_endpoint_in_another_context_is_named(place: Place) -> None:
    found = place.found(**place.integrator(extensions=["1000-1299", "3001"]))
    assert (
        "endpoint 3001 (3001 of acme) has context=from-internal" in found["context-elsewhere"].what
    )


@pytest.mark.case("T11")
def test_an_agent_that_agent_dial_cannot_reach_is_named(place: Place) -> None:
    extensions = ["1000-1299", "3050"]
    found = place.found(**place.integrator(extensions=extensions, agent_dial="PJSIP/{extension}"))
    assert "extension 3050 is endpoint alice" in found["agent-unreachable"].what
    assert "PJSIP/3050" in found["agent-unreachable"].what


@pytest.mark.case("A6")
@pytest.mark.parametrize("extension", ["3002", "3003"])
def test_a_contact_outside_is_named(place: Place, extension: str) -> None:
    found = place.found(**place.integrator(extensions=["1000-1299", extension]))
    if extension == "3003":  # the address of an example network is not a public one
        assert "contact-outside" not in found
    else:
        assert f"the phone of {extension} is registered as sip:09" in found["contact-outside"].what


@pytest.mark.case("T5")
def test_a_context_that_follows_forwards_is_named(place: Place) -> None:
    found = place.found(**place.integrator(agent_dial="Local/{extension}@follows/n"))
    assert found["dial-follows"].level is Level.DANGER
    assert "agent_dial leads to context follows" in found["dial-follows"].what
    found = place.found(**place.integrator(trunk_dial="Local/{number}@keeps"))
    assert "dial-follows" not in found


def test_a_trunk_that_does_not_exist_is_named(place: Place) -> None:
    found = place.found(**place.integrator(trunk_dial="PJSIP/{number}@nowhere"))
    assert found["trunk-missing"].level is Level.DANGER
    assert "no endpoint nowhere" in found["trunk-missing"].what


@pytest.mark.case("A40")
def test_a_trunk_that_may_transfer_is_named(place: Place) -> None:
    """Who has two calls would put their agents together."""
    with place.pbx.edited("pjsip.conf", "allow_transfer = no\n", "", "pjsip reload"):
        found = place.found()["trunk-transfers"]
    assert found.level is Level.WARNING
    assert "endpoint trunk has allow_transfer = yes" in found.what
    assert "trunk-transfers" not in place.found()


def test_a_trunk_that_is_away_is_named(place: Place) -> None:
    """An endpoint without a contact is offline, as a provider is that answers no OPTIONS."""
    found = place.found(**place.integrator(trunk_dial="PJSIP/{number}@bob"))
    assert found["trunk-offline"].level is Level.WARNING
    assert "endpoint bob is offline" in found["trunk-offline"].what


def test_an_emergency_number_that_nobody_routes_is_named(place: Place) -> None:
    place.set_global("C2D_EMERGENCY_DIAL", "PJSIP/112@nowhere")
    try:
        found = place.found()["trunk-missing"]
    finally:
        place.set_global("C2D_EMERGENCY_DIAL", "")
    assert "C2D_EMERGENCY_DIAL" in found.what
    assert found.level is Level.DANGER


@pytest.mark.case("T40")
@pytest.mark.parametrize(
    ("dial", "is_found"),
    [
        ("PJSIP/0@trunk", True),
        ("DAHDI/g1", True),
        ("PJSIP/0{number}@trunk", False),
        ("PJSIP/@trunk", False),
        ("PJSIP/trunk/sip:@127.0.0.1", False),
        ("DAHDI/g1/", False),
    ],
)
def test_a_way_for_emergency_calls_that_lost_their_number_is_named(
    place: Place, dial: str, is_found: bool
) -> None:
    place.set_global("C2D_EMERGENCY_DIAL", dial)
    found = place.found()
    assert ("emergency-dial-fixed" in found) is is_found
    assert "trunk-missing" not in found


@pytest.mark.case("O9")
@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ('#include "click2dial.conf"', False),
        ("#include <click2dial.conf>", False),
        ("#include clik2dial.conf", True),
        ("#include /nowhere/*.conf ; typo", True),
        ("#tryinclude nothing.conf", False),
        (";#include nothing.conf", False),
    ],
)
def test_an_include_that_asterisk_cannot_read_is_named(
    place: Place, line: str, is_found: bool
) -> None:
    conf = place.pbx.etc / "extensions.conf"
    text = conf.read_text()
    conf.write_text(f"{text}\n{line}\n")
    try:
        found = place.found()
    finally:
        conf.write_text(text)
    assert ("include-unreadable" in found) is is_found
    if is_found:
        number = text.count("\n") + 2
        assert f"extensions.conf, line {number}" in found["include-unreadable"].what


def test_an_include_of_an_include_is_followed_and_a_circle_ends(place: Place) -> None:
    conf = place.pbx.etc / "extensions.conf"
    text = conf.read_text()
    (place.pbx.etc / "more.conf").write_text("#include more.conf\n#include missing.conf\n")
    conf.write_text(f"{text}\n#include more.conf\n")
    try:
        assert "more.conf, line 2" in place.found()["include-unreadable"].what
    finally:
        conf.write_text(text)


def test_a_small_sessionlimit_is_named(place: Place) -> None:
    conf = place.pbx.etc / "http.conf"
    text = conf.read_text()
    conf.write_text(text.replace("sessionlimit = 1000", ""))
    edge = {"listen": f"127.0.0.1:{ports.free_port()}", "upstream": place.pbx.ws_url}
    try:
        assert "sessionlimit is 100" in place.found(edge=edge)["session-limit"].what
    finally:
        conf.write_text(text)


def test_an_edge_port_of_asterisks_own_is_named(place: Place) -> None:
    edge = {"listen": f"127.0.0.1:{place.pbx.http_port}", "upstream": place.pbx.ws_url}
    found = place.found(edge=edge)["port-taken"]
    assert re.search(r"edge.listen: 127.0.0.1:\d+ is taken by asterisk", found.what)
    assert "http.conf" in found.cure


@pytest.mark.case("C34")
def test_an_endpoint_that_the_configuration_names_is_no_unknown_one(place: Place) -> None:
    named = place.integrator(extensions=["1000-1299", "3050-3059"], endpoints={"3051": "bob"})
    found = place.all_found(**named)
    assert not [one for one in found if "bob" in one.what]


@pytest.mark.case("C34")
def test_two_endpoints_that_are_one_extension_are_named(place: Place) -> None:
    twice = place.integrator(extensions=["1000-1299", "3050"], endpoints={"3050": "bob"})
    found = place.found(**twice)["extension-twice"]
    assert "extension 3050 is the endpoints alice and bob" in found.what
    once = place.integrator(extensions=["1000-1299", "3050"])
    assert "extension-twice" not in place.found(**once)


@pytest.mark.case("C38")
def test_a_pbx_without_music_on_hold_is_named(place: Place) -> None:
    with place.pbx.edited("musiconhold.conf", "[default]", "[another]", "moh reload"):
        assert "class default" in place.found(**with_manager(place))["music-missing"].what
        assert "music-missing" not in place.found()  # nobody is put on hold without a manager
    assert "music-missing" not in place.found(**with_manager(place))
