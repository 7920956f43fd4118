"""A call centre that never rests, as a server tells of it, without a PBX."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from click2dial_agi.app.http.files import SOFTPHONE_FILES
from click2dial_agi.domain.numbering.teleforge import TELEFORGE

FILES = {
    "/console": ("console.html", "text/html"),
    "/console/console.js": ("dist/console.js", "text/javascript"),
    "/console/console.css": ("dist/console.css", "text/css"),
    "/console/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEALTH = {
    "ready": True,
    "parts": dict.fromkeys(("redis", "ari", "agi", "spool"), "ok"),
    "lists": {"name": "lists", "failing": False, "waiting": 0},
    "webhooks": [{"name": "crm", "failing": False, "waiting": 0}],
    "supervisor": True,
}
AGENT_STATES = {"up": "talking", "held": "hold", "ringing-callee": "talking"}
REASONS = ("hungup",) * 7 + ("timeout", "timeout", "busy", "reject", "error")


@dataclass
class Centre:
    """So many agents, and so many records of this day; `sent` counts the events that were told."""

    agents: int
    records: int = 400
    chance: random.Random = field(default_factory=lambda: random.Random(20))
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: int = 0
    url: str = ""
    #: Set, it tells no more.
    quiet: threading.Event = field(default_factory=threading.Event)
    silent: threading.Event = field(default_factory=threading.Event)  # no change comes any more

    def snapshot(self) -> dict[str, Any]:
        """Return all as it is; of the agents two thirds talk."""
        for number in range(self.agents):
            if number % 3 and str(1000 + number) not in self.calls:
                self.calls[str(1000 + number)] = self.call(str(1000 + number))
        agents = [self.agent(str(1000 + number)) for number in range(self.agents)]
        return {"agents": agents, "calls": list(self.calls.values())}

    def agent(self, extension: str) -> dict[str, Any]:
        call = self.calls.get(extension)
        state = AGENT_STATES.get(call["state"]) if call else None
        free = self.chance.choice(("idle", "idle", "idle", "paused", "offline"))
        return {
            "extension": extension,
            "state": state or free,
            "since": call["since"] if call else int(time.time()) - self.chance.randrange(600),
            "call_ref": call["call_ref"] if call else "",
            "devices": [],
        }

    def call(self, extension: str) -> dict[str, Any]:
        serial = self.chance.randrange(10**12)
        at = int(time.time()) - self.chance.randrange(300)
        return {
            "call_ref": f"00000000-0000-4000-8000-{serial:012d}",
            "state": self.chance.choice(("up",) * 8 + ("held", "ringing-callee")),
            "since": at,
            "agent": extension,
            "callee": f"082{self.chance.randrange(10**7):07d}",
            "contact_ref": f"client-{self.chance.randrange(9000) + 1000}",
            "dial_number": "27110001234",
            "direction": self.chance.choice(("outbound", "outbound", "inbound")),
            "dialed_at": at,
            "answered_at": at,
            "recorded": bool(serial % 2),
        }

    def change(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """End a call of somebody, or begin one: the events that tell of it."""
        extension = str(1000 + self.chance.randrange(self.agents))
        call = self.calls.pop(extension, None)
        if call is None:
            self.calls[extension] = call = self.call(extension)
            call["since"] = call["dialed_at"] = int(time.time())
            yield "call", call
        else:
            yield "call", {**call, "state": "ended"}
            yield "cdr", self.record(call)
        yield "agent", self.agent(extension)

    def record(self, call: dict[str, Any]) -> dict[str, Any]:
        taken = {
            name: call[name] for name in ("call_ref", "contact_ref", "dial_number", "dialed_at")
        }
        ended = {"end_reason": self.chance.choice(REASONS), "end_code": 16, "call_time": 60}
        return {"extension": call["agent"], "number": call["callee"], **taken, **ended}

    def history(self) -> list[dict[str, Any]]:
        """Return records of this day's hours."""
        now = time.time()
        midnight = now - now % 86_400
        found = []
        for _ in range(self.records):
            record = self.record(self.call("1000"))
            record["dialed_at"] = int(self.chance.uniform(max(midnight, now - 9 * 3600), now))
            found.append(record)
        return found


@contextlib.contextmanager
def busy_centre(agents: int, per_second: int, records: int = 400) -> Iterator[Centre]:
    """Serve the console and what it asks for; about so many events each second."""
    centre, over = Centre(agents, records), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in FILES:
                name, media_type = FILES[path]
                self._answer(media_type, (SOFTPHONE_FILES / name).read_bytes())
            elif path == "/click2dial/events":
                with contextlib.suppress(ConnectionError):  # the page is closed
                    self._stream()
            elif path in answers:
                self._answer("application/json", json.dumps(answers[path]()).encode())
            else:
                self.send_error(404)

        def _answer(self, media_type: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self._event("snapshot", centre.snapshot())
            while not centre.quiet.wait(1 / per_second):
                for name, data in centre.change():
                    self._event(name, data)
            centre.silent.set()
            over.wait()

        def _event(self, name: str, data: dict[str, Any]) -> None:
            centre.sent += 1
            text = f"id: {centre.sent}-0\r\nevent: {name}\r\ndata: {json.dumps(data)}\r\n\r\n"
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    answers: dict[str, Callable[[], Any]] = {
        "/click2dial.json": lambda: {"numbers": TELEFORGE.rules()},
        "/console/health": lambda: {"now": time.time(), **HEALTH},
        "/click2dial/history": lambda: {"records": centre.history(), "cursor": None},
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        centre.url = f"http://127.0.0.1:{server.server_port}/console"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield centre
        finally:
            centre.quiet.set()
            over.set()
            server.shutdown()
