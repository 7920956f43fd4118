"""What is used of libraries beyond their promises: a version that drops it fails here, by name."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from pystrix.agi import agi_core, core
from uvicorn.protocols.http import httptools_impl
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.server import ServerProtocol

import click2dial_agi
from click2dial_agi.agi.private import Action, AGIException, parts_of

PACKAGE = Path(click2dial_agi.__file__).parent

CONFIG = uvicorn.Config(lambda: None, log_config=None)


@pytest.mark.parametrize(
    "name",
    [
        *("url", "headers", "scope", "cycle", "pipeline"),
        *("connection_made", "connection_lost", "data_received", "pause_writing", "resume_writing"),
        *("on_message_begin", "on_headers_complete", "on_body", "on_message_complete"),
        *("on_response_complete", "send_400_response"),
    ],
)
def test_uvicorns_protocol_has(name: str) -> None:
    source = inspect.getsource(httptools_impl.HttpToolsProtocol)
    has = hasattr(httptools_impl.HttpToolsProtocol, name) or f"self.{name}" in source
    assert has, f"uvicorn {uvicorn.__version__}: HttpToolsProtocol has no {name} any more"


@pytest.mark.parametrize(
    "name",
    ["response_started", "response_complete", "chunked_encoding", "expected_content_length"],
)
def test_uvicorns_cycle_has(name: str) -> None:
    source = inspect.getsource(httptools_impl.RequestResponseCycle)
    assert re.search(rf"self\.{name}(: .+)? = ", source), (
        f"uvicorn {uvicorn.__version__}: a cycle has no {name}"
    )


@pytest.mark.parametrize(
    "name", ["server_state", "should_exit", "on_tick", "main_loop", "capture_signals", "serve"]
)
def test_uvicorns_server_has(name: str) -> None:
    has = hasattr(uvicorn.Server(CONFIG), name)
    assert has, f"uvicorn {uvicorn.__version__}: Server has no {name} any more"


def test_uvicorns_protocol_is_made_as_we_do() -> None:
    named = inspect.signature(httptools_impl.HttpToolsProtocol).parameters
    assert {"config", "server_state", "app_state"} <= named.keys()


def test_websockets_classes_take_what_we_give() -> None:
    assert {"process_request", "server_header", "open_timeout", "logger"} <= _named(serve)
    assert {"subprotocols", "max_size", "logger"} <= _named(ServerProtocol)
    given = {"protocol", "server", "ping_interval", "ping_timeout", "close_timeout", "max_queue"}
    assert given <= _named(ServerConnection)
    assert hasattr(Server, "is_serving")


def _named(kind: object) -> set[str]:
    return set(inspect.signature(kind).parameters)  # type: ignore[arg-type]


def test_a_pystrix_action_has_its_parts() -> None:
    assert parts_of(core.Exec("MSet", ["A=1"])) == ("EXEC", ("MSet", '"A=1"'))
    assert parts_of(core.GetFullVariable("X")) == ("GET FULL VARIABLE", ('"X"',))
    assert issubclass(core.Exec, Action)
    assert issubclass(agi_core.AGIAppError, AGIException)


def _reaches_into(tree: ast.Module) -> Iterator[str]:
    """Yield what a module uses of others' that has no public name."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith("uvicorn."):
                yield module
            case ast.ImportFrom(names=names):
                used |= {alias.name for alias in names}
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attr):
                own.add(attr)
            case ast.Attribute(attr=attr):
                used.add(attr)
    for name in used - own - _DOCUMENTED:
        if name.startswith("_") and not name.endswith("__"):
            yield name


# Of named tuples, and of os.
_DOCUMENTED = {"_asdict", "_exit", "_fields", "_make", "_replace"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_else_reaches_into_libraries(path: Path) -> None:
    found = set(_reaches_into(ast.parse(path.read_text("utf-8"))))
    assert not found or path.name == "private.py"
