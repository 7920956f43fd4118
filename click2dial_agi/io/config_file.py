"""The configuration file: YAML, with secrets from the environment or from files.

Errors name the file's line, and never show what stands there: it may be a password.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.config_problems import HIDDEN_KEY, SHOWN_KEY
from click2dial_agi.exceptions import ConfigError, SecretAway

__all__ = ["holds_secrets", "load_config", "load_destinations", "secret_files"]

# Far more than hundreds of integrators need; a wrong path to a log file should not fill memory.
_MAX_SIZE = 4 * 1024 * 1024

# Where aliases stand for lists of aliases, a file of some hundred bytes is more than memory holds.
_MAX_VALUES = 1_000_000

# What a file of a secret may hold.
_MAX_SECRET = 64 * 1024

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# What is meant for one, and would else be a password that anybody can guess: ${C2D-KEY}, $C2D_KEY.
_NO_VARIABLE = re.compile(r"\$\{(?![A-Za-z_][A-Za-z0-9_]*\})|\A\$[A-Z_][A-Z0-9_]*\Z")
_SECRET_KEYS = (
    *(
        "ari_password",
        "ami_password",
        "api_keys",
        "supervisor_keys",
        "redis",
        "errors_redis",
        "secret",
        "url",
    ),
)

# What it takes to hand over notifications and nothing else: secrets of the other doors may be
# missing on a machine that only does that.
_DOORS = ("agi", "asterisk", "peer_dial", "edge", "errors_redis", "kamailio", "metrics")
_INTEGRATORS_DOORS = (
    "http",
    "tls",
    "softphone",
    "softphone_ws",
    "console",
    "api_keys",
    "supervisor_keys",
    "allow_from",
)

_SENTINELS_PASSWORD = re.compile(r"[?&]sentinel_password=[^&]")

_LEADING_ZERO = re.compile(r"0[0-9]+")

# What the library makes of `2026-13-45`, `!!int x`, `!!bool x`, `!!timestamp x` and the like.
_NOT_WHAT_IT_SAYS = (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError)

_STEP = re.compile(r"\.?([^.\[\]]+)|\[([0-9]+)\]")


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read and check a configuration file.  Raises :exc:`ConfigError` for whatever is wrong."""
    return _load(path, environment, doors=True)


def load_destinations(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read what it takes to hand over notifications; listeners and their secrets are not read.

    Raises :exc:`ConfigError` for whatever is wrong with the rest.
    """
    return _load(path, environment, doors=False)


def holds_secrets(path: Path) -> bool:
    """Say whether a configuration file holds a password or key itself, not references alone.

    True for one that cannot be understood: who knows what it holds.  Raises :exc:`OSError`.
    """
    try:
        _, document = _read_yaml(path.read_bytes()[:_MAX_SIZE], path)
        return any(not _refers(key, value) for key, value in _secrets(document))
    except (ConfigError, RecursionError):
        return True


def secret_files(path: Path) -> list[Path]:
    """Return the files that a configuration file refers to; none of one that is not understood.

    Raises :exc:`OSError`.
    """
    try:
        _, document = _read_yaml(path.read_bytes()[:_MAX_SIZE], path)
        return [Path(value[5:]) for _, value in _secrets(document) if value.startswith("file:/")]
    except (ConfigError, RecursionError):
        return []


def _secrets(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield what stands below the keys that may hold secrets, with its key."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, key)
    elif value is not None and key in _SECRET_KEYS:
        yield key, str(value)


def _refers(key: str, value: str) -> bool:
    if value.startswith("file:") or _VARIABLE.fullmatch(value):
        return True
    if key not in ("redis", "errors_redis"):  # a webhook's address may be a secret by itself
        return False
    left = _VARIABLE.sub("", value)
    user = left.rpartition("@")[0].partition("//")[2]
    return not user.partition(":")[2] and _SENTINELS_PASSWORD.search(left) is None


def _load(path: Path, environment: Mapping[str, str], *, doors: bool) -> Config:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or str(error)) from error
    if len(text) > _MAX_SIZE:
        raise ConfigError(str(path), f"a file of at most {_MAX_SIZE} bytes")
    node, document = _read_yaml(text, path)
    if not doors:
        document = _without_doors(document)
    try:
        return parse_config(_reveal(document, "", environment))
    except RecursionError:  # an alias within what it stands for
        raise ConfigError(str(path), "YAML: nested too deep") from None
    except ConfigError as error:
        raise _with_lines(error, node) from None


def _read_yaml(text: bytes, path: Path) -> tuple[yaml.Node | None, Any]:
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = None if node is None else loader.construct_document(node)
        if _values(document, {}) > _MAX_VALUES:
            raise ConfigError(str(path), f"YAML: at most {_MAX_VALUES} values, aliases written out")
        return node, document
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(str(path), f"YAML: {_describe(error, text)}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _values(value: Any, known: dict[int, int]) -> int:
    """Count the values in a document, those that an alias stands for as often as it does."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_values(item, known) for item in items)
    return known[id(value)]


# What the library says, in words of its own or of Python's, and what an operator understands.
_PROBLEMS = {
    "found character '\\t'": "a tab, where YAML takes blanks",
    "found character": "a character that begins no value; in quotes it does",
    "found unhashable key": "a key that is no text",
    "but found another document": "one document, and here begins another",
}


def _describe(error: Exception, text: bytes) -> str:
    """Say what YAML did not understand and where.

    The library's own text shows the line, and quotes names, tags and values from it.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        problem = (error.problem or "what follows").partition(", but ")[0]
        told = (words for begin, words in _PROBLEMS.items() if problem.startswith(begin))
        problem = next(told, problem)
        if not problem.startswith("expected"):  # what it expected are marks of YAML's own
            problem = re.split("['\"]", problem)[0].strip()
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        return f"{problem}{where}"
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count(b"\n") + 1
        return f"UTF-8 text, without control characters, line {line}"
    return "UTF-8 text with values that YAML can read"


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML would let win in silence.

    Digits behind a 0 are a text, as a telephone number or an extension is: YAML 1.1 takes them for
    octal if there is no 8 or 9 among them, so that 0100 would be 64.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            shown = twice if SHOWN_KEY.fullmatch(twice) else "each key"
            raise ConfigError(shown, f"once in the mapping that starts at line {line}")
        made = super().construct_mapping(node, deep)
        for key, _ in node.value:
            if not isinstance(self.construct_object(key), str):
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    "a key that YAML reads as a number, a date, yes or no: it needs quotes",
                    key.start_mark,
                )
        return made

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _NOT_WHAT_IT_SAYS:
            raise yaml.constructor.ConstructorError(
                None, None, "a value that is not what it looks like", node.start_mark
            ) from None


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> Any:
    text = loader.construct_scalar(node)
    return text if _LEADING_ZERO.fullmatch(text) else loader.construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def _without_doors(document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    kept = {key: value for key, value in document.items() if key not in _DOORS}
    integrators = kept.get("integrators")
    if isinstance(integrators, list):
        kept["integrators"] = [
            {key: value for key, value in one.items() if key not in _INTEGRATORS_DOORS}
            if isinstance(one, dict)
            else one
            for one in integrators
        ]
    return kept


def _reveal(value: Any, path: str, environment: Mapping[str, str]) -> Any:
    """Replace references to secrets below the keys that may hold them."""
    if isinstance(value, dict):
        return {
            key: _reveal(item, f"{path}.{key}" if path else str(key), environment)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_reveal(item, f"{path}[{n}]", environment) for n, item in enumerate(value)]
    if isinstance(value, str) and path.rpartition(".")[2].partition("[")[0] in _SECRET_KEYS:
        return _secret(value, path, environment)
    if isinstance(value, str) and (value.startswith("file:/") or _VARIABLE.search(value)):
        # It would be taken as it stands: a user of that name, a directory.
        raise ConfigError(path, "the value itself: ${ENV_VAR} and file:PATH stand for secrets only")
    return value


def _secret(value: str, path: str, environment: Mapping[str, str]) -> str:
    if value.startswith("file:"):
        # Relative to what?  systemd starts us in /, and check-config runs wherever the operator is.
        if not value.startswith("file:/"):
            raise ConfigError(path, "file: and an absolute path")
        try:
            # Windows' editors put a mark before the text, which nobody sees.
            return _read_secret(value[5:]).decode("utf-8-sig").rstrip("\r\n")
        except OSError as error:
            raise SecretAway(path, f"a readable file at {value[5:]} ({error.strerror})") from error
        except ValueError as error:
            size = f"at most {_MAX_SECRET // 1024} KiB"
            raise ConfigError(path, f"a file of UTF-8 text, {size}, at {value[5:]}") from error

    if _NO_VARIABLE.search(value):
        raise ConfigError(
            path,
            "${ENV_VAR}, its name of letters, digits and _ alone; a secret that looks like one "
            "stands in a file (file:PATH)",
        )

    def look_up(match: re.Match[str]) -> str:
        try:
            return environment[match[1]]
        except KeyError:
            raise ConfigError(
                path, f"the environment variable {match[1]}, which is unset"
            ) from None

    return _VARIABLE.sub(look_up, value)


def _read_secret(path: str) -> bytes:
    """Read a file, and no pipe or device: a reload must not wait for one, nor fill memory.

    Raises :exc:`OSError`, or :exc:`ValueError` for what is no such file.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError
        text = file.read(_MAX_SECRET + 1)
    if len(text) > _MAX_SECRET:
        raise ValueError
    return text


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe would be waited for until somebody writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _with_lines(error: ConfigError, node: yaml.Node | None) -> ConfigError:
    """Return the error, and those in its notes, with the line of each key."""
    located = type(error)(error.path, error.expected, _line(node, error.path))
    for note in getattr(error, "__notes__", ()):
        line = _line(node, note.partition(": ")[0])
        located.add_note(f"{note} (line {line})" if line else note)
    return located


def _line(node: yaml.Node | None, path: str) -> int | None:
    """Return the line of a dotted path, or of the nearest key above it; None if there is none."""
    found = None
    for name, index in _STEP.findall(path):
        child = next(_children(node, name, index), None)
        if child is None:
            break
        found, node = child
    return found


def _children(node: yaml.Node | None, name: str, index: str) -> Iterator[tuple[int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode) and name:
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and _is_called(key.value, name):
                yield key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
        value = node.value[int(index)]
        yield value.start_mark.line + 1, value


def _is_called(key: str, name: str) -> bool:
    """Tell whether a key is the one that an error names; one that may be a password it does not."""
    return key == name or (name == HIDDEN_KEY and not SHOWN_KEY.fullmatch(key))
