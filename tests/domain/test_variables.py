"""The dialplan and the server mean the same variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from click2dial_agi.domain import variables
from click2dial_agi.domain.config import AGI
from click2dial_agi.domain.names import Event, Fact

PATH = Path(__file__).parents[2] / "dialplan" / "click2dial.conf"
DIALPLAN = PATH.read_text("utf-8")
CODE = "\n".join(line for line in DIALPLAN.splitlines() if not line.startswith(";"))
#: Names before a = that are functions' and Originate's own.
PARAMETERS = {"via", "left", "key", "said", "rest", "one", "name", "found", "aors", "known"}
PARAMETERS |= {"at", "role", "peer", "marked", "half", "last", "kept", "named"}

LABELS = set(re.findall(r"n\((\w+)\)", CODE))


def test_the_dialplan_knows_no_variable_that_nobody_sets() -> None:
    # Set(NAME=, MSet(…,NAME=, with underscores or as EXPORT(channel,NAME)=, before a uniqueid, or
    # as one of two names.
    set_there = set(re.findall(r"[(,^:]\"?_*(C2D_\w*)(?:\$\{\w+\})?\)?=", CODE))
    set_there |= set(re.findall(r"\?(C2D_\w*):[^)]*\)\)?\}=", CODE))
    globals_ = set(re.findall(r"^(C2D_\w+) *=>?", CODE, re.MULTILINE))
    used = set(re.findall(r"C2D_\w*", CODE))
    assert used <= variables.OPERATORS | variables.SERVERS | set_there | globals_


def test_every_fact_that_the_dialplan_tells_has_a_name() -> None:
    told = set(re.findall(r"[&,=(](\w+)=", CODE.replace("C2D_ASK=", "&").replace("FACTS=", "&")))
    assert {name for name in told if name.islower()} - PARAMETERS <= set(Fact)


def test_every_label_and_context_that_is_gone_to_is_there() -> None:
    contexts = set(re.findall(r"^\[([\w-]+)\]", CODE, re.MULTILINE))
    called = set(re.findall(r"\b(click2dial[\w-]*)[,^]", CODE))
    assert called - {"click2dial-"} <= contexts


def test_the_dialplan_asks_where_the_server_listens_unless_told_otherwise() -> None:
    assert re.findall(r"agi://[\w.:]+", CODE) == [f"agi://{AGI().listen}"]


def test_each_dial_follows_no_forward_and_does_not_part_its_channels_itself() -> None:
    """Option i everywhere, and nowhere G: it reads a channel that may have ended."""
    options = re.findall(r",Dial\([^,]*,[^,]*,([^\n]*)\)$", CODE, re.MULTILINE)
    assert len(options) == len(re.findall(r",Dial\(", CODE))
    # Without what is in parentheses, the names of contexts.
    bare = [re.sub(r"\([\w-]+(\^\w+)*\)", "", one).partition("${IF")[0] for one in options]
    assert [one for one in bare if not re.fullmatch(r"[gbUFI]*(i|\$\{ARG1\})[gbUFI]*", one)] == []


def test_what_is_told_and_what_is_kept_have_the_same_seal() -> None:
    assert len(set(re.findall(r"C2D_SEAL=(.*)\)$", CODE, re.MULTILINE))) == 1


def test_no_line_is_too_long_to_be_read() -> None:
    assert [line for line in DIALPLAN.splitlines() if len(line) > 200] == []


def test_the_bytes_that_begin_a_text_are_those_in_the_pattern() -> None:
    """Tab to ~, and 80 to F0: the last byte of the one end, the first byte of the other.

    Never FF: Asterisk's loop over a range that ends with it has no end (ext_cmp_pattern_pos).
    """
    raw = PATH.read_bytes()
    assert b"exten => _[\t-~\xc3\x80-\xf0\x9f\x98\x80].,1," in raw
    assert b"\xff" not in raw


def test_the_dialplan_reads_what_the_server_answers() -> None:
    for name in (variables.DIAL, variables.RING_TIMEOUT, variables.VERDICT, variables.RECEIPT):
        assert f"${{{name}}}" in CODE


def test_a_verdict_is_a_label_of_the_dialplan() -> None:
    assert {variables.VERDICT_DIAL, variables.VERDICT_REFUSE} <= LABELS


def test_each_header_arrives_under_its_fact() -> None:
    for fact, header in (
        (Fact.TELEFORGE_OUTBOUND_ID, "X-Teleforge-Outbound-ID"),
        (Fact.TELEFORGE_CONTACT_REF, "X-Teleforge-Contact-Ref"),
        (Fact.PLATFORMA_OUTBOUND_ID, "X-Platforma-Outbound-ID"),
        (Fact.PLATFORMA_CONTACT_REF, "X-Platforma-Contact-Ref"),
        (Fact.PLATFORMA_EARLY_REF, "X-Platforma-Call-Ref"),
    ):
        assert re.search(rf"&{fact}=\$\{{URIENCODE\([^&]*{header}\)", CODE), fact


def test_the_dialplan_tells_of_the_events_that_there_are() -> None:
    """Under the name that their facts have, which is all that the spool knows."""
    assert set(re.findall(r"&event=(\w+)\)", CODE)) == set(Event)
    asked = set(
        re.findall(r"(?<!=)click2dial-(?:ask|later|\$\{IF\([^\n]*\)\}),([a-z]{2,}),1", CODE)
    )
    assert asked == {*Event, "outbound", "transfer"}


def test_what_only_asks_is_not_kept() -> None:
    """If no server answers: an event goes into the spool, a question does not."""
    (line,) = re.findall(r"n\(nobody\),GotoIf\(\$\[([^]]*)\]\?done:click2dial-keep,s,1\)", CODE)
    assert re.findall(r'"\$\{EXTEN\}" = "(\w+)"', line) == ["outbound", "transfer"]


@pytest.mark.case("T70")
def test_what_matched_is_not_taken_for_nothing() -> None:
    """Of a pattern with a group =~ tells what that is, and so nothing where it may be empty."""
    may_be_empty = re.compile(r"\(([^()]*\|)?(\||\$?\))")
    patterns = re.findall(r'=~ "([^"]*)"', CODE)
    assert len(patterns) > 10
    assert [pattern for pattern in patterns if may_be_empty.search(pattern)] == []


#: Functions that lock the channel and nothing else.
OF_ANOTHER = {"CHANNEL(onhold)", "CHANNEL(hangup_handler_push)", "VOLUME(RX)", "VOLUME(TX)"}


@pytest.mark.case("T110")
def test_nothing_of_another_channel_waits_for_its_phone() -> None:
    """IMPORT and EXPORT lock that channel, and PJSIP's thread may wait for it meanwhile."""
    asked = {variable for variable in map(_second, _arguments("[IE][MX]PORT")) if "(" in variable}
    assert asked == OF_ANOTHER


def _arguments(function: str) -> list[str]:
    """Return what stands in the parentheses of each call of a function."""
    found = []
    for begin in re.finditer(rf"\b{function}\(", CODE):
        depth, end = 1, begin.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(CODE[end], 0)
            end += 1
        found.append(CODE[begin.end() : end - 1])
    return found


def _second(arguments: str) -> str:
    """Return the second of a function's arguments, the first of which may be an expression."""
    depth = 0
    for place, byte in enumerate(arguments):
        depth += {"{": 1, "}": -1}.get(byte, 0)
        if byte == "," and not depth:
            return re.sub(r"\$\{.*\}", "", arguments[place + 1 :])
    raise ValueError(arguments)
