"""Keys that take a restart say so themselves, and are found wherever they are."""

from __future__ import annotations

from typing import Any

import pytest

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.config_changes import needing_restart
from tests.domain.examples import ACME

TLS = {"cert": "/cert.pem", "key": "/key.pem"}
OTHER_TLS = {"cert": "/other.pem", "key": "/key.pem"}


def made(**sections: Any) -> Config:
    acme = {**ACME, **sections.pop("acme", {})}
    sections["agi"] = {"secret": "the-dialplans-secret", **sections.get("agi", {})}
    return parse_config({"integrators": [acme], **sections})


@pytest.mark.case("O7")
@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({}, {}, []),
        ({}, {"agi": {"listen": "h:1"}}, ["agi.listen"]),
        ({}, {"agi": {"max_sessions": 5, "session_timeout": 3.0}}, []),
        ({}, {"spool_dir": "/elsewhere"}, ["spool_dir"]),
        ({}, {"recordings_dir": "/elsewhere", "journal_max_records": 5}, []),
        ({}, {"edge": {}}, ["edge"]),
        ({"edge": {}}, {}, ["edge"]),
        (
            {"edge": {}},
            {"edge": {"max_connections": 7, "stall_timeout": 3.0}},
            ["edge.max_connections"],
        ),
        ({"edge": {}}, {"edge": {"redis": "redis://h"}}, ["edge.redis"]),
        ({"edge": {}}, {"edge": {"tls": TLS}}, ["edge.tls"]),
        ({"edge": {"tls": TLS}}, {"edge": {"tls": OTHER_TLS}}, []),
        ({}, {"metrics": {}}, []),
        ({"metrics": {}}, {"metrics": {"listen": "h:1"}}, []),
        ({}, {"acme": {"redis": "redis://h", "push": "right"}}, []),
        ({}, {"acme": {"name": "another"}}, []),
        (
            {"edge": {}},
            {"edge": {"listen": "h:1", "ping_timeout": 1.0}, "agi": {"listen": "h:2"}},
            ["agi.listen", "edge.listen", "edge.ping_timeout"],
        ),
    ],
)
def test_what_takes_a_restart(before: Any, after: Any, keys: list[str]) -> None:
    assert list(needing_restart(made(**before), made(**after))) == keys
