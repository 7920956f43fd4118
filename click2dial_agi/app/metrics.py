"""What the service counts, for Prometheus.  Counting costs about a microsecond."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from click2dial_agi.domain.dispositions import EndReason

__all__ = [
    "CALLS",
    "DECISIONS",
    "GAUGES",
    "LOST",
    "NOT_POSTED",
    "REGISTRY",
    "SESSIONS",
    "show_integrators",
]

# Of the process's own: the library's usual registry would add what nobody asked for.
REGISTRY = CollectorRegistry()

SESSIONS = Counter(
    "click2dial_agi_sessions", "AGI sessions that were begun.", ["script"], registry=REGISTRY
)
DECISIONS = Counter(
    "click2dial_decisions",
    "Calls from phones, by what was decided: dial or refuse.",
    ["integrator", "verdict"],
    registry=REGISTRY,
)
CALLS = Counter(
    "click2dial_calls",
    "Calls whose record was stored here, by end_reason.",
    ["integrator", "end_reason"],
    registry=REGISTRY,
)
LOST = Counter(
    "click2dial_calls_lost",
    "Calls that are over and have no record: nobody has told of their end.",
    ["integrator"],
    registry=REGISTRY,
)
NOT_POSTED = Counter(
    "click2dial_webhook_lost",
    "Notifications that a webhook will not get: given up, or its queue was full.",
    ["queue"],
    registry=REGISTRY,
)


class _Gauges:
    """What is asked for when somebody looks."""

    def __init__(self) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"click2dial_{name}", text, labels, registry=REGISTRY)

        self.sessions = gauge("agi_sessions_open", "AGI sessions in flight.")
        self.edge = gauge("edge_connections", "Browsers connected through the edge.")
        self.redis_up = gauge("redis_up", "Whether the Redis answers.", "integrator")
        self.redis_safe = gauge(
            "redis_safe",
            "Whether it keeps what it is given.",
            "integrator",
        )
        self.pbx_up = gauge("pbx_up", "Whether it answered when it was asked last.", "pbx")
        self.server = gauge("server_info", "Which server this is.", "host", "version")
        self.webhook_up = gauge("webhook_up", "Whether it took what was posted last.", "queue")
        self.list_length = gauge("list_length", "Notifications that nobody popped.", "list")
        self.waiting = gauge("journal_records", "Records in the journal.", "queue", "list")
        self.oldest = gauge("journal_oldest_seconds", "Age of the oldest.", "queue", "list")
        self.spool = gauge("spool_bytes", "What the dialplan kept and no server took yet.")


GAUGES = _Gauges()


def show_integrators(names: Iterable[str]) -> None:
    """Show how calls end from 0 on: to Prometheus a counter that begins with 1 has not risen."""
    for name in names:
        LOST.labels(name)
        for reason in EndReason:
            CALLS.labels(name, reason.value)
