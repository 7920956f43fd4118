"""Where an integrator wants its notifications: which lists, which end, which payload."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import cast

from redis import Redis

from sandbox.calls import call
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.e2e.calls.desk import BRIEF, OUTBOUND_ID, Desk, servers

INTEGRATOR = {
    "key_prefix": "acme:calls",
    "copies": ["billing", "archive"],
    "push": "right",
    "payload_version": 2,
    "joined_notifications": True,
    "detailed_end_reasons": True,
}


def test_prefix_copies_and_the_right_end(desk: Desk, redis: RedisServer) -> None:
    numbers = [desk.trunk.number() for _ in range(2)]
    prefixes = ("acme:calls", "billing", "archive")
    with (
        Redis.from_url(redis.url, decode_responses=True) as client,
        Server(redis.url, integrator=INTEGRATOR) as server,
        servers(desk.pbx, server.agi_url),
    ):
        for number in numbers:
            call(desk.pbx, callee=number, headers=[OUTBOUND_ID], then=BRIEF)
        until(lambda: client.llen("archive:cdr") == 2, 5, "two records")
        for kind in ("cdr", "c2d"):
            lists = [client.lrange(f"{prefix}:{kind}", 0, -1) for prefix in prefixes]
            assert lists[0] == lists[1] == lists[2]
            assert len(cast("list[str]", lists[0])) == 2
        # A consumer with BLPOP gets the oldest.
        popped = [json.loads(cast(str, client.lpop("billing:cdr")))["payload"] for _ in numbers]
        assert [record["ref"] for record in popped] == numbers
        assert popped[0]["end_reason"] == "agent_hungup"
        joined = json.loads(cast(str, client.lpop("billing:c2d")))["payload"]
        assert (joined["number"], joined["campaign_ref"]) == (numbers[0], "outbound")
        client.delete(*(f"{prefix}:{kind}" for prefix in prefixes for kind in ("cdr", "c2d")))
    assert desk.crm.waiting() == 0  # nothing on the usual list


def test_a_webhook_hears_of_each_call(desk: Desk, redis: RedisServer) -> None:
    heard: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/calls"
        hooks = [{"url": url, "secret": "a-secret-of-the-crm"}]
        with (
            Server(redis.url, integrator={"webhooks": hooks}) as server,
            servers(desk.pbx, server.agi_url),
        ):
            call(desk.pbx, callee=desk.trunk.number(), headers=[OUTBOUND_ID], then=BRIEF)
            text = desk.crm.pop_text()
            until(lambda: heard, 5, "the webhook")
        receiver.shutdown()
    assert heard == [text]
