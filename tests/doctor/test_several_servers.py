"""What doctor says of several servers, without any of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from click2dial_agi import __version__
from click2dial_agi.app.doctor.dialplan import check_dialplan
from click2dial_agi.domain.config import Config, parse_config
from tests.domain.examples import ACME

PBXS = [
    {"name": name, "ari_url": f"http://{name}.invalid/ari", "ari_password": "s3cret"}
    for name in ("east", "west")
]


def made(**keys: object) -> Config:
    return parse_config({"integrators": [ACME], **keys})


def found(config: Config, servers: str, *, elsewhere: bool = False) -> set[str]:
    """Return the kinds of what is found of a dialplan that is else as it should be."""
    given = {
        "C2D_AGI": servers,
        "C2D_SPOOL": str(config.spool_path),
        "C2D_RECORDINGS": str(config.recordings_dir),
        "C2D_VERSION": __version__,
        "C2D_SECRET": "",
        "C2D_EMERGENCY": "",
    }
    return {one.check for one in check_dialplan(config, given, elsewhere=elsewhere)}


@pytest.fixture
def other() -> Iterator[str]:
    """Another server, which listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"agi://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.case("S2")
def test_an_edge_that_other_servers_errors_do_not_reach(other: str) -> None:
    ours = "agi://127.0.0.1:4574"
    redis = {"redis": "redis://127.0.0.1:6379/1"}
    assert found(made(edge={}), f"{ours} {other}") == {"edge-alone"}
    assert found(made(edge=redis), f"{ours} {other}") == set()
    assert found(made(), f"{ours} {other}") == set()
    assert found(made(edge={}), ours) == set()


@pytest.mark.case("S2")
def test_check_config_tells_of_an_edge_and_several_pbxs() -> None:
    def told(**keys: object) -> bool:
        return any(one.startswith("edge.redis") for one in made(**keys).warnings())

    assert told(asterisk=PBXS, edge={})
    assert not told(asterisk=PBXS, edge={"redis": "redis://127.0.0.1:6379/1"})
    assert not told(asterisk=PBXS[0], edge={})


def test_a_pbx_elsewhere_has_a_server_of_its_own() -> None:
    assert found(made(), "agi://127.0.0.1:4574", elsewhere=True) == set()
    assert found(made(), "agi://127.0.0.1:1", elsewhere=True) == set()
    assert found(made(), "", elsewhere=True) == {"agi-elsewhere"}
