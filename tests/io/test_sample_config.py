"""The sample configuration is true: its keys exist, and what is commented is the default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from click2dial_agi.domain.config import Config, parse_config

SAMPLE = Path(__file__).parents[2] / "etc" / "click2dial.yaml"
COMMENTED = re.compile(r"^( *)# ?( *(?:- )?[a-z_]+:( .*)?)$", re.MULTILINE)

#: Keys whose default is nothing, or would be refused, so the sample shows an example of a value.
EXAMPLES = {"default_outbound_id", "owned", "verified", "ari_password", "api_keys", "http", "tls"}
EXAMPLES |= {
    "edge",
    "asterisk",
    "redis",
    "cert",
    "key",
    "softphone_ws",
    "pop_url",
    "public_url",
    "dids",
    "webhooks",
    "metrics",
    "emergency",
    "accept",
    "supervisor_keys",
}


def uncommented() -> str:
    return COMMENTED.sub(r"\1\2", SAMPLE.read_text("utf-8"))


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return the dotted path and the value of every key that holds no further keys."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(document, list) and any(isinstance(item, dict) for item in document):
        for number, item in enumerate(document):
            yield from leaves(item, f"{path}.{number}")
    else:
        yield path[1:], document


def at(config: Config, path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        value = value[int(key)] if key.isdigit() else getattr(value, key)
    return value


def without_placeholders(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with a secret of one's own, as an operator must put in."""
    text = yaml.safe_dump(document)
    return dict(yaml.safe_load(text.replace("change-me", "s3cret")))


SHOWN = yaml.safe_load(SAMPLE.read_text("utf-8"))
WHOLE = yaml.safe_load(uncommented())
DEFAULTS = [
    path
    for path, _ in leaves(WHOLE)
    if path not in dict(leaves(SHOWN)) and EXAMPLES.isdisjoint(path.split("."))
]


def test_the_sample_is_good_as_it_stands() -> None:
    assert parse_config(without_placeholders(SHOWN)).integrators[0].name == "acme"


def test_every_commented_key_is_a_real_key() -> None:
    assert len(DEFAULTS) > 5
    parse_config(without_placeholders(WHOLE))


@pytest.mark.parametrize("path", DEFAULTS)
def test_what_is_commented_is_the_default(path: str) -> None:
    default = at(parse_config(without_placeholders(SHOWN)), path)
    assert at(parse_config(without_placeholders(WHOLE)), path) == default
