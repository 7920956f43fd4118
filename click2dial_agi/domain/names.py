"""The names that this server shares with others: each stands here once.

With the dialplan, those of facts and events; with who pops lists and takes webhooks, those of kinds
of notification.  A further kind is a line here, one more if the dialplan tells of it, and what
CONTRIBUTING.md says.
"""

from enum import StrEnum

__all__ = ["Event", "Fact", "NotificationKind"]


class Event(StrEnum):
    """What the dialplan tells of: also the name of the AGI script that takes it."""

    JOINED = "joined"
    ENDED = "ended"
    EMERGENCY = "emergency"


class NotificationKind(StrEnum):
    """What a notification tells of; its list is ``<key_prefix>:<kind>``."""

    CDR = "cdr"  # a call has ended
    INBOUND = "inbound"  # an agent has answered a call from outside
    JOINED = "c2d"  # the callee of an agent's call has answered
    EMERGENCY = "emergency"  # somebody calls for help
    LISTEN = "listen"  # a supervisor's phone is rung, to hear a call
    STATE = "state"  # an agent or a call is in another state

    @property
    def type(self) -> str:
        """The envelope's ``type``."""
        joined = self in (NotificationKind.INBOUND, NotificationKind.JOINED)
        return "call" if joined else self.value


class Fact(StrEnum):
    """Every name that a fact may have; the dialplan and the server mean the same by it."""

    # What the phone asked for.
    CALLEE = "callee"
    TELEFORGE_OUTBOUND_ID = "teleforge_outbound_id"  # X-Teleforge-Outbound-ID
    TELEFORGE_CONTACT_REF = "teleforge_contact_ref"  # X-Teleforge-Contact-Ref
    PLATFORMA_OUTBOUND_ID = "platforma_outbound_id"  # X-Platforma-Outbound-ID
    PLATFORMA_CONTACT_REF = "platforma_contact_ref"  # X-Platforma-Contact-Ref
    # X-Platforma-Call-Ref, in early drafts.  No other name may end in call_ref: see io/spool.py.
    PLATFORMA_EARLY_REF = "platforma_early_ref"
    ATTEMPT = "attempt"  # X-C2D-Attempt, by Kamailio
    UNREAD = "unread"  # a header is too long for Asterisk, and as if it were not there

    # Who calls whom, as it was decided; of a call from outside, as the dialplan found it.
    CALL_REF = "call_ref"
    INTEGRATOR = "integrator"
    EXTENSION = "extension"
    NUMBER = "number"
    DIAL_NUMBER = "dial_number"
    CONTACT_REF = "contact_ref"
    CALL_DIR = "call_dir"
    CALL_TYPE = "call_type"
    TRAIL_REF = "trail_ref"
    TRAIL_NUMBER = "trail_number"
    CHANNEL = "channel"  # of the agent who placed the call
    REFUSED = "refused"
    LIMITED = "limited"  # refused by a limit
    EMERGENCY = "emergency"
    CALLER = "caller"  # C2D_EXTENSION of the phone that calls for help
    CLIENT = "client"  # what is known of the call whose client is sent to where help is
    CREATED = "created"  # by the REST API
    RECORD = "record"  # a call from outside is to be recorded
    RECORDED = "recorded"  # an agent's call likewise

    # Who talks to the client: C2D_EXTENSION of his channel, and its name.
    AGENT = "agent"
    AGENT_CHANNEL = "agent_channel"
    BEFORE = "before"  # the two of who did before, if that should be nobody's agent

    # Where the client is to go, and by what: a transfer or a forward.
    KIND = "kind"
    TARGET = "target"
    PLACED = "placed"  # how many legs were placed for this client before
    BY_CHANNEL = "by_channel"  # before 0.2: of whom agent_channel is not the one who transfers

    # When, in Unix seconds of the PBX's clock.
    DIALED_AT = "dialed_at"
    QUEUED_AT = "queued_at"
    AGENT_ANSWERED_AT = "agent_answered_at"
    JOINED_AT = "joined_at"
    ANSWERED_AT = "answered_at"
    UNANSWERED_AT = "unanswered_at"  # no agent had answered, and C2D_NEXT led on
    ENDED_AT = "ended_at"

    # How it ended.
    DIALSTATUS = "dialstatus"
    HANGUP_CAUSE = "hangup_cause"
    SIP_STATUS = "sip_status"
    ENDED_BY = "ended_by"
    PAUSES = "pauses"  # of its recording
    HOLDS = "holds"  # by the API

    # Of the text itself.
    EVENT = "event"
    DIALPLAN = "dialplan"  # the version of the dialplan that tells
    SEAL = "seal"
