"""The configuration file: YAML, secrets, and one clear error for whatever is wrong with it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.exceptions import ConfigError
from click2dial_agi.io.config_file import holds_secrets, load_config, load_destinations

GOOD = "integrators: [{name: acme, extensions: [1000-1999]}]\n"
WITH_REDIS = "integrators: [{name: acme, extensions: [1000-1999], redis: '%s'}]\n"
WITH_KEYS = "integrators: [{name: acme, extensions: [1000-1999], api_keys: ['%s', '%s']}]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "click2dial.yaml"


def problem(path: Path, environment: dict[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(ConfigError) as raised:
        load_config(path, environment or {})
    assert "\n" not in str(raised.value)
    return raised.value.path, raised.value.expected


def test_a_good_file_is_read(path: Path) -> None:
    path.write_text(GOOD)
    assert load_config(path).integrators[0].name == "acme"


@pytest.mark.case("O17")
@pytest.mark.parametrize("written", ["0100", "0107-0177", '"0100"', "0815"])
def test_digits_behind_a_zero_are_what_they_look_like(path: Path, written: str) -> None:
    path.write_text(GOOD.replace("1000-1999", written))
    [extensions] = load_config(path).integrators[0].extensions
    assert extensions.first == written.strip('"').partition("-")[0]


def test_a_time_behind_a_zero_is_no_number(path: Path) -> None:
    path.write_text(GOOD.replace("}]", ", ring_timeout: 030}]"))
    assert problem(path)[0] == "integrators[0].ring_timeout"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a mapping of keys such as agi and integrators"),
        ("- a\n- b\n", "a mapping of keys such as agi and integrators"),
        ("just text", "a mapping of keys such as agi and integrators"),
        ("a: [", "YAML: "),
        ("a: b: c", "YAML: "),
        ("a: *nowhere", "YAML: "),
        ("? [a]\n: b", "YAML: "),
        ("a: 2026-13-45", "YAML: "),
        ("a: !!python/object/apply:os.system [id]", "YAML: "),
        ("a: \0", "YAML: "),
        ("[" * 1000, "YAML: "),
        ("agi: &a {listen: *a}", "YAML: "),
    ],
)
def test_what_is_no_mapping_of_keys_is_told(path: Path, text: str, expected: str) -> None:
    path.write_text(text)
    where, message = problem(path)
    assert where in ("configuration", str(path))
    assert message.startswith(expected)


@pytest.mark.case("O22")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agi:\n\tlisten: x\n", "YAML: a tab, where YAML takes blanks, line 2, column 1"),
        (
            "agi: @x\n",
            "YAML: a character that begins no value; in quotes it does, line 1, column 6",
        ),
        ("agi: {}\n---\n", "YAML: one document, and here begins another, line 2, column 1"),
        ("? [a]\n: b\n", "YAML: a key that is no text, line 1, column 3"),
        ("agi: {}\nx: \x07\n", "YAML: UTF-8 text, without control characters, line 2"),
        *(
            (
                f"agi: {{}}\n{key}: x\n",
                "YAML: a key that YAML reads as a number, a date, yes or no: it needs quotes, "
                "line 2, column 1",
            )
            for key in ("1", "2026-11-27", "~", "yes", "1.5")
        ),
    ],
)
def test_odd_yaml_is_told_in_an_operators_words(path: Path, text: str, expected: str) -> None:
    path.write_text(text)
    assert problem(path) == (str(path), expected)


@pytest.mark.case("O22")
def test_aliases_of_aliases_are_refused(path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 12):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    path.write_text("\n".join(lines) + "\n" + GOOD)
    assert problem(path) == (str(path), "YAML: at most 1000000 values, aliases written out")


@pytest.mark.case("O22")
def test_a_key_that_may_be_a_password_is_told_with_its_line(path: Path) -> None:
    path.write_text(GOOD + "x-s3cret: y\n")
    with pytest.raises(ConfigError, match=r"^\(a key\): unknown key \(line [0-9]+\)$") as raised:
        load_config(path)
    assert raised.value.line == len(GOOD.splitlines()) + 1


@pytest.mark.case("O22")
@pytest.mark.parametrize("kind", ["pipe", "device", "large", "directory"])
def test_a_secret_is_no_pipe_nor_a_device(path: Path, tmp_path: Path, kind: str) -> None:
    """A reload, in the step in which all is served, would wait for it."""
    place = tmp_path / "secret"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "device":
            place = Path("/dev/zero")
        case "large":
            place.write_text("x" * 65537)
        case "directory":
            place.mkdir()
    path.write_text(WITH_REDIS % f"file:{place}")
    where, message = problem(path)
    assert where == "integrators[0].redis"
    assert str(place) in message


def test_bytes_that_are_no_text_are_told(path: Path) -> None:
    path.write_bytes(b"name: \xff\xfe\n")
    assert problem(path)[0] == str(path)


def test_a_key_given_twice_is_told_with_its_line(path: Path) -> None:
    path.write_text("agi:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\n" + GOOD)
    assert problem(path) == ("listen", "once in the mapping that starts at line 2")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert problem(missing) == (str(missing), "No such file or directory")
    assert problem(tmp_path) == (str(tmp_path), "Is a directory")


def test_a_file_that_is_too_large_is_not_read(path: Path) -> None:
    path.write_text("]" * 4 * 1024 * 1024)  # read, and no YAML from its first character
    assert problem(path)[1].startswith("YAML: ")
    path.write_text("]" * 4 * 1024 * 1024 + "]")
    assert problem(path) == (str(path), "a file of at most 4194304 bytes")


def test_a_secret_may_come_from_the_environment(path: Path) -> None:
    path.write_text(WITH_REDIS % "redis://:${PASSWORD}@${HOST}:6379/0")
    acme = load_config(path, {"PASSWORD": "s3cret", "HOST": "db"}).integrators[0]
    assert acme.redis == "redis://:s3cret@db:6379/0"


def test_a_secret_may_come_from_a_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    path.write_text(WITH_KEYS % (f"file:{tmp_path}/key", "other"))
    assert load_config(path, {}).integrators[0].api_keys == ("s3cret", "other")


def test_a_missing_variable_is_told_with_its_keys_path(path: Path) -> None:
    path.write_text(WITH_KEYS % ("fine", "${MISSING}"))
    assert problem(path) == (
        "integrators[0].api_keys[1]",
        "the environment variable MISSING, which is unset",
    )


@pytest.mark.case("O24")
@pytest.mark.parametrize("place", ["key", "./key", "~/key", "", " /key", "${HOME}/key"])
def test_a_secrets_file_has_an_absolute_path(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The one that is here is not the one where systemd starts us."""
    (tmp_path / "key").write_text("redis://127.0.0.1:6379/0")
    monkeypatch.chdir(tmp_path)
    path.write_text(WITH_REDIS % f"file:{place}")
    assert problem(path) == ("integrators[0].redis", "file: and an absolute path")


def test_a_missing_secret_file_is_told_with_its_keys_path(path: Path, tmp_path: Path) -> None:
    path.write_text(WITH_REDIS % f"file:{tmp_path}/missing")
    assert problem(path) == (
        "integrators[0].redis",
        f"a readable file at {tmp_path}/missing (No such file or directory)",
    )


def test_a_secret_file_that_is_no_text_is_told(path: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff")
    path.write_text(WITH_REDIS % f"file:{tmp_path}/key")
    assert problem(path)[1] == f"a file of UTF-8 text, at most 64 KiB, at {tmp_path}/key"


def test_a_placeholder_is_refused_wherever_it_comes_from(path: Path) -> None:
    path.write_text(WITH_KEYS % ("${KEY}", "other"))
    expected = "a value of your own in place of the placeholder"
    assert problem(path, {"KEY": "change-me"}) == ("integrators[0].api_keys[0]", expected)


def test_only_secrets_are_looked_up(path: Path) -> None:
    path.write_text("integrators: [{name: '${NAME}', extensions: [1000-1999]}]\n")
    assert problem(path, {"NAME": "acme"})[0] == "integrators[0].name"


@pytest.mark.case("O30")
@pytest.mark.parametrize("key", ["ari_username", "ari_url", "ami"])
@pytest.mark.parametrize("value", ["${USER}", "http://${USER}:8088/ari", "file:/etc/user"])
def test_a_reference_where_none_is_looked_up_is_refused(path: Path, key: str, value: str) -> None:
    """It would be a user of that name."""
    path.write_text(f"asterisk: {{ari_password: x, {key}: '{value}'}}\n{GOOD}")
    expected = "the value itself: ${ENV_VAR} and file:PATH stand for secrets only"
    assert problem(path, {"USER": "u"}) == (f"asterisk.{key}", expected)


@pytest.mark.case("O30")
@pytest.mark.parametrize("value", ["${KEY:-none}", "${C2D-KEY}", "x${KEY", "${}", "$KEY"])
def test_what_looks_like_a_variable_is_no_password(path: Path, value: str) -> None:
    """Everybody could guess it."""
    path.write_text(WITH_KEYS % ("fine", value))
    where, expected = problem(path, {"KEY": "s3cret"})
    assert where == "integrators[0].api_keys[1]"
    assert expected.startswith("${ENV_VAR}, its name of letters, digits and _ alone")


@pytest.mark.case("O30")
@pytest.mark.parametrize("secret", ["${KEY", "$KEY", "pa$$word", "$lower"])
def test_a_file_may_hold_any_secret(path: Path, tmp_path: Path, secret: str) -> None:
    (tmp_path / "key").write_text(secret)
    path.write_text(WITH_KEYS % (f"file:{tmp_path}/key", "pa$$word"))
    assert load_config(path, {}).integrators[0].api_keys == (secret, "pa$$word")


@pytest.mark.case("O31")
def test_the_mark_of_an_editor_is_no_part_of_a_secret(path: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    path.write_text(WITH_KEYS % (f"file:{tmp_path}/key", "other"))
    assert load_config(path, {}).integrators[0].api_keys == ("s3cret", "other")


@pytest.mark.case("O31")
@pytest.mark.parametrize("secret", ["s3cret ", " s3cret", "s3cret\t\n", "s3cret\u00a0"])
def test_blanks_that_the_other_side_never_sees_are_refused(
    path: Path, tmp_path: Path, secret: str
) -> None:
    (tmp_path / "key").write_text(secret)
    path.write_text(f"asterisk: {{ari_password: 'file:{tmp_path}/key'}}\n{GOOD}")
    assert problem(path)[0] == "asterisk.ari_password"
    path.write_text(WITH_KEYS % (f"file:{tmp_path}/key", "other"))
    assert problem(path)[0] == "integrators[0].api_keys[0]"


@pytest.mark.case("O31")
def test_a_secret_of_digits_is_asked_for_in_quotes(path: Path) -> None:
    path.write_text(GOOD.replace("}]", ", api_keys: [1234567890123456]}]"))
    assert "in quotes where it is digits alone" in problem(path)[1]


def test_a_secret_is_not_shown_in_the_error(path: Path) -> None:
    path.write_text(WITH_REDIS % "http://:${PASSWORD}@db")
    assert "s3cret" not in " ".join(problem(path, {"PASSWORD": "s3cret"}))


@pytest.mark.case("A11")
@pytest.mark.parametrize(
    "line",
    [
        "ari_password: 'hunter2",
        'ari_password: "hunter2\\x"',
        "ari_password: *hunter2",
        "ari_password: !hunter2 x",
        "ari_password: !!int hunter2",
        "ari_password: !!timestamp hunter2",
        "ari_password: !!bool hunter2",
        "ari_password: !!float hunter2",
        "ari_password: !!binary hunter2",
        "ari_password: !!set hunter2",
        "ari_password: hunter2: x",
        "ari_password: @hunter2",
        "ari_password: `hunter2",
        "ari_password: [hunter2",
        "ari_password: {hunter2",
        "ari_password: %hunter2",
        "ari_password: &hunter2 &hunter2 x",
        "ari_password: hunter2\n   x: y",
        "ari_password: | hunter2",
        "\tari_password: hunter2",
        "ari_password: hunter2\0",
        "<<: hunter2",
        "[hunter2]: x",
        "hunter2:",
        "hunter2: 1\n  hunter2: 2",
    ],
)
def test_a_mistake_in_the_line_of_a_password_does_not_show_it(path: Path, line: str) -> None:
    path.write_text(f"asterisk:\n  ari_username: me\n  {line}\n{GOOD}")
    where, message = problem(path)
    assert "hunter2" not in f"{where} {message}"


@pytest.mark.case("A11")
def test_what_is_wrong_is_told_with_its_line(path: Path) -> None:
    path.write_text(f"agi:\n  listen: nowhere\n  listening: x\n{GOOD}")
    with pytest.raises(ConfigError, match=r"agi\.listen: host:port, .* \(line 2\)") as raised:
        load_config(path, {})
    assert raised.value.__notes__ == ["agi.listening: unknown key (line 3)"]


@pytest.mark.case("O4")
def test_handing_over_notifications_takes_no_other_secret(path: Path) -> None:
    path.write_text(
        "asterisk: {ari_password: '${UNSET}'}\n"
        "integrators: [{name: acme, extensions: [1000-1999], http: 'h:1', "
        "api_keys: ['${UNSET}']}]\n"
    )
    assert problem(path)[0] == "asterisk.ari_password"
    assert load_destinations(path, {}).integrators[0].http is None
    path.write_text("integrators: [{name: acme, extensions: [1000-1999], redis: '${UNSET}'}]\n")
    with pytest.raises(ConfigError, match=r"integrators\[0\]\.redis"):
        load_destinations(path, {})


REFERENCES = (
    "ari_password: file:/etc/secret",
    "api_keys: ['${KEY}', 'file:/etc/key']",
    "redis: redis://127.0.0.1:6379/0",
    "redis: redis://me:${PASSWORD}@127.0.0.1:6379/0",
    "redis: redis://me@127.0.0.1:6379/0",
    "redis: redis+sentinel://127.0.0.1/crm?sentinel_password=${PASSWORD}",
    "errors_redis: redis://127.0.0.1:6379/1",
    "ari_username: hunter2",
)
SECRETS = (
    "ari_password: hunter2",
    "ari_password: 7",
    "secret: x${KEY}",
    "api_keys: ['${KEY}', hunter2]",
    "redis: redis://:hunter2@127.0.0.1:6379/0",
    "redis: rediss://me:x${PASSWORD}@127.0.0.1:6379/0",
    "redis: redis+sentinel://127.0.0.1/crm?sentinel_password=hunter2",
    "errors_redis: redis://:hunter2@127.0.0.1:6379/1",
    "webhooks: [{url: 'https://hooks.example.com/hunter2'}]",
    "ari_password: [hunter2",
    "&a [*a, {secret: hunter2}]",
)


@pytest.mark.case("O13")
@pytest.mark.case("O20")
@pytest.mark.parametrize("line", REFERENCES + SECRETS)
def test_a_file_of_references_holds_no_secret(path: Path, line: str) -> None:
    path.write_text(f"integrators: [{{name: acme}}]\nmore:\n  {line}\n")
    assert holds_secrets(path) is (line in SECRETS)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_configuration_or_a_config_error(
    tmp_path_factory: Any, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with contextlib.suppress(ConfigError):
        load_config(path, {})
