"""Commands on the wire: what Asterisk reads is what was meant, whatever the values hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pystrix.agi import core

from click2dial_agi.agi import serialize, set_variables
from click2dial_agi.agi.commands import Action
from click2dial_agi.exceptions import UnsafeCommand
from tests.agi.wire import parse_args

ANY_TEXT = st.text(st.characters())  # lone surrogates and control characters too
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
HOSTILE = st.text(st.sampled_from('ab "\\\n\r\0\t,${}[]();é\udc80'))


def words(action: Action) -> list[str]:
    """Return what Asterisk would read of the action's line."""
    line = serialize(action).decode("utf-8", "surrogateescape")
    assert line.endswith("\n")
    assert not set("\r\n\0") & set(line[:-1])
    return parse_args(line[:-1])


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (core.Answer(), b"ANSWER\n"),
        (core.GetVariable("DIALSTATUS"), b'GET VARIABLE "DIALSTATUS"\n'),
        (core.SetVariable("A", ""), b'SET VARIABLE "A" ""\n'),
        (core.SetVariable("A", 'say "hi"'), b'SET VARIABLE "A" "say \\"hi\\""\n'),
        (core.SetVariable("A", "back\\slash"), b'SET VARIABLE "A" "back\\\\slash"\n'),
        (core.SetVariable("A", '"'), b'SET VARIABLE "A" "\\""\n'),
        (core.SetVariable("A", "\\"), b'SET VARIABLE "A" "\\\\"\n'),
        (core.SetVariable("A", "Zoë"), b'SET VARIABLE "A" "Zo\xc3\xab"\n'),
        (core.SetVariable("A", "\udcff"), b'SET VARIABLE "A" "\xff"\n'),
        (core.Verbose("hello", 1), b'VERBOSE "hello" "1"\n'),
        (core.Noop(), b"NOOP\n"),
        (Action("CHANNEL STATUS", "PJSIP/1000-1"), b"CHANNEL STATUS PJSIP/1000-1\n"),
        (core.Exec("NoOp"), b"EXEC NoOp\n"),
    ],
)
def test_a_command_becomes_one_line(action: Action, line: bytes) -> None:
    assert serialize(action) == line


@given(st.one_of(ANY_TEXT, HOSTILE))
@example('" \\" "')
@example("\\")
@example('\\"')
@example("a\nEXEC System reboot")
@example("\ud800")
@example("\udc0a")
def test_a_quoted_value_reaches_asterisk_as_it_is_or_not_at_all(value: str) -> None:
    try:
        read = words(core.SetVariable("NAME", value))
    except UnsafeCommand:
        return
    assert read == ["SET", "VARIABLE", "NAME", value]


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=1000))
def test_no_printable_text_is_refused_in_quotes(value: str) -> None:
    assert words(core.SetVariable("NAME", value))[-1] == value


@given(st.one_of(ANY_TEXT, HOSTILE))
@pytest.mark.parametrize(
    "make",
    [
        lambda text: core.Exec(text, ["x"]),
        lambda text: core.Exec("Dial", [text, text]),
        lambda text: core.GetVariable(text),
        lambda text: core.SetVariable(text, text),
        lambda text: core.SetContext(text),
        lambda text: core.DatabasePut(text, text, text),
        lambda text: core.SayAlpha(text, text),
        lambda text: Action(text),
        lambda text: Action("NOOP", text, text),
    ],
)
def test_no_value_can_add_a_second_line(make: Callable[[str], Action], text: str) -> None:
    with contextlib.suppress(UnsafeCommand):
        words(make(text))


@pytest.mark.parametrize("control", [chr(code) for code in (*range(32), 127)])
def test_a_control_character_is_refused(control: str) -> None:
    with pytest.raises(UnsafeCommand, match="control characters"):
        serialize(core.SetVariable("A", f"x{control}y"))


@pytest.mark.parametrize("argument", ["two words", 'quo"te', "back\\slash", '"', 'a"'])
def test_an_argument_without_quotes_must_be_one_word(argument: str) -> None:
    with pytest.raises(UnsafeCommand, match="must be one word"):
        serialize(Action("NOOP", argument))


def test_a_line_may_fill_asterisks_buffer_and_no_more() -> None:
    overhead = len(serialize(core.SetVariable("A", "")))
    assert len(serialize(core.SetVariable("A", "x" * (8191 - overhead)))) == 8191
    with pytest.raises(UnsafeCommand, match="at most 8191 bytes"):
        serialize(core.SetVariable("A", "x" * (8192 - overhead)))


def test_bytes_count_not_characters() -> None:
    with pytest.raises(UnsafeCommand, match="at most 8191 bytes"):
        serialize(core.SetVariable("A", "é" * 4100))


@pytest.mark.parametrize("last", ["x", '"x"'])
def test_a_command_may_fill_asterisks_word_list_and_no_more(last: str) -> None:
    assert len(words(Action("NOOP", *["x"] * 125, last))) == 127
    with pytest.raises(UnsafeCommand, match="at most 127 words"):
        serialize(Action("NOOP", *["x"] * 126, last))


def test_several_variables_are_set_in_one_command() -> None:
    action = set_variables({"C2D_DIAL": "PJSIP/1000", "CALLERID(num)": "27820001234", "X": ""})
    assert serialize(action) == b'EXEC MSet "C2D_DIAL=PJSIP/1000,CALLERID(num)=27820001234,X="\n'


@pytest.mark.parametrize(
    "value",
    [
        *",\"\\${}[];()<>!?^`' \t\n\r\0\x7fé\uff10\u0660",
        "${SHELL(id)}",
        "a,b",
        "a,C2D_VERDICT=dial",
        "a\n",
        "\ud800",
    ],
)
def test_what_the_dialplan_would_read_is_not_set(value: str) -> None:
    with pytest.raises(UnsafeCommand, match="C2D_X: the value holds characters"):
        set_variables({"C2D_X": value})


@pytest.mark.parametrize(
    "name",
    [
        *("", "lower", "1A", "___A", "É", "A B", "A,B", "A=B", "A=1,B", "A\n", "${A}"),
        *("A(", "A(x", "A()", "A(x)y", "A(x)\n", "A(x,1)", "SHELL(id;id)"),
    ],
)
def test_a_name_that_is_no_variables_name_is_refused(name: str) -> None:
    with pytest.raises(UnsafeCommand, match="not a channel variable's name"):
        set_variables({name: "x"})


@given(st.dictionaries(NAMES, st.text("aZ0-_.~%=&")))
def test_asterisk_splits_variables_where_we_joined_them(variables: dict[str, str]) -> None:
    text = words(set_variables(variables))[2:]
    assert dict(pair.split("=", 1) for pair in ",".join(text).split(",") if pair) == variables
