"""The configuration file: YAML, with secrets from the environment or from files."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError

__all__ = ["load_config"]

# Far more than hundreds of integrators need; a wrong path to a log file should not fill memory.
_MAX_SIZE = 4 * 1024 * 1024

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEYS = ("ari_password", "api_keys", "redis", "secret")


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read and check a configuration file.  Raises :exc:`ConfigError` for whatever is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or str(error)) from error
    if len(text) > _MAX_SIZE:
        raise ConfigError(str(path), f"a file of at most {_MAX_SIZE} bytes")
    try:
        document = _reveal(yaml.load(text, _Loader), "", environment)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(str(path), f"YAML: {' '.join(str(error).split())}") from error
    return parse_config(document)


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which YAML would let win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise ConfigError(str(twice), f"once in the mapping that starts at line {line}")
        return super().construct_mapping(node, deep)


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
    return value


def _secret(value: str, path: str, environment: Mapping[str, str]) -> str:
    if value.startswith("file:"):
        try:
            return Path(value[5:]).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "UTF-8 text"
            raise ConfigError(path, f"a readable file at {value[5:]} ({reason})") from error

    def look_up(match: re.Match[str]) -> str:
        try:
            return environment[match[1]]
        except KeyError:
            raise ConfigError(
                path, f"the environment variable {match[1]}, which is unset"
            ) from None

    return _VARIABLE.sub(look_up, value)
