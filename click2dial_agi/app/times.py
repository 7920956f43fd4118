"""For how long the Create Call API waits for what."""

from dataclasses import dataclass

__all__ = ["Times"]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds.  They depend on each other; tests take shorter ones."""

    # For a whole request to Asterisk, waiting for a connection included.  It answers in one or two
    # milliseconds; what takes longer is a PBX in trouble, and a caller of ours that waits for it.
    ari: float = 3.0

    # Longer than a call can take from being counted in to having its channel, or an answer: Redis,
    # the agent's state, the origination twice, hanging it up, Redis, each at its deadline.  A call
    # that is older and has neither channel nor record lost its Asterisk or its creator, and an
    # Idempotency-Key without an answer lost its first request.
    lost_after: float = 20.0

    # A lost call holds its agent until it is found; asking costs a request, and none without calls.
    reap_every: float = 10.0

    # One that answers is asked so often whether it still does, one that does not each second; and
    # for so long after the last answer to any server a PBX counts as there.
    look_every: float = 5.0
    present: float = 20.0

    # For an agent's state where there are several PBXs: one that hangs does not hold up the others.
    endpoint: float = 1.0

    # A body comes in one piece with its headers, or one round trip later.
    body: float = 10.0
