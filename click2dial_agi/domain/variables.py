"""The channel variables that the server and ``dialplan/click2dial.conf`` share."""

__all__ = [
    "CALL_REF",
    "CONTACT_REF",
    "DIAL",
    "FACTS",
    "RECEIPT",
    "RING_TIMEOUT",
    "VERDICT",
    "VERDICT_DIAL",
    "VERDICT_REFUSE",
]

# Set by the dialplan before it asks a server, so that asking a second server is the same call.
CALL_REF = "C2D_CALL_REF"

# What is known of the call (click2dial_agi.domain.facts): at first what the phone asked for, as the
# dialplan collected it; then, from the server, what was decided.
FACTS = "C2D_FACTS"

# Set by /outbound.  The verdict comes last: without it the server did not finish its work.
CONTACT_REF = "C2D_CONTACT_REF"
DIAL = "C2D_DIAL"
RING_TIMEOUT = "C2D_RING_TIMEOUT"
VERDICT = "C2D_VERDICT"
VERDICT_DIAL = "dial"
VERDICT_REFUSE = "refuse"

# Set by /ended once the notification is stored; without it the dialplan asks the next server.
RECEIPT = "C2D_RECEIPT"
