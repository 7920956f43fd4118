"""The scenario of a calling phone, written for SIPp 3.6.

Everything that a test chooses is written as \\xHH, which SIPp turns into that byte: nothing is left
for the XML parser, the [keyword] substitution or the character set to change. Call-ID, branches,
tags and CSeq are literals too, so that a CANCEL and an ACK repeat those of their INVITE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Each is a final response that some Asterisk or trunk sends; SIPp has no "any response".
_FINALS = (
    *(300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415),
    *(416, 420, 421, 422, 423, 428, 429, 433, 436, 437, 438, 480, 481, 482, 483, 484, 485, 486),
    *(487, 488, 489, 491, 493, 494, 500, 501, 502, 503, 504, 505, 513, 580, 600, 603, 604, 606),
    *(607, 608),
)
_RINGING = (180, 183)
_PROVISIONAL = (100, 181, 182, 199)
_SDP = """\
v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 96
a=rtpmap:0 PCMU/8000
a=rtpmap:96 telephone-event/8000
"""
_TRANSFER = """\
  <recv request="REFER" optional="true" next="transfer">
    <action><ereg regexp=".*" search_in="hdr" header="Refer-To:" assign_to="target"/></action>
  </recv>
"""
_REFER_TO = "Refer-To:[$target]\nContent-Length: 0"


@dataclass(frozen=True)
class Plan:
    """What the phone sends and when it ends the call; None means that it does not by itself."""

    agent: str  # already escaped, as are callee and headers
    callee: str
    headers: Sequence[tuple[str, str]]
    hang_up_after: float | None
    cancel_after: float | None = None
    password: str | None = None
    display: str = ""
    speaks: bool = False  # a buzz, from the file SPEECH, once the call is answered
    digits: str = ""  # DTMF, sent once the call is answered


def escape(value: str | bytes) -> str:
    """Return a value as SIPp hex escapes. A NUL or a line break cannot be part of a header."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    if set(data) & set(b"\0\r\n"):
        raise ValueError(f"no header can hold {data!r}: use rawsip")
    return "".join(f"\\x{byte:02x}" for byte in data)


def _send(text: str, attributes: str = "") -> str:
    return f"  <send{attributes}><![CDATA[\n{text}\n]]></send>\n"


def _recv(what: str, attributes: str = "") -> str:
    kind = "response" if what.isdigit() else "request"
    return f'  <recv {kind}="{what}"{attributes}/>\n'


def _optional(*what: int | str, then: str = "") -> str:
    """Return receptions that may or may not come; without `then` the phone goes on waiting."""
    after = f' next="{then}"' if then else ""
    return "".join(_recv(str(one), f' optional="true"{after}') for one in what)


def _label(name: str) -> str:
    return f'  <label id="{name}"/>\n'


def _request(plan: Plan, method: str, cseq: int, branch: str, more: str = "") -> str:
    """Return a request; the tag of the called side is there as soon as SIPp knows it."""
    tag = "" if method in ("INVITE", "CANCEL") else "[peer_tag_param]"
    return (
        f"{method} sip:{plan.callee}@[remote_ip]:[remote_port] SIP/2.0\n"
        f"Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-[call_id]-{branch}\n"
        "Max-Forwards: 70\n"
        f"From: {plan.display}<sip:{plan.agent}@[local_ip]:[local_port]>;tag=[pid]-[call_number]\n"
        f"To: <sip:{plan.callee}@[remote_ip]:[remote_port]>{tag}\n"
        "Call-ID: [call_id]\n"
        f"CSeq: {cseq} {method}\n"
        f"Contact: <sip:{plan.agent}@[local_ip]:[local_port]>\n"
        f"{more or 'Content-Length: 0'}\n"
    )


def _invite(plan: Plan, cseq: int, credentials: str = "") -> str:
    # The blank is escaped too, since SIPp strips blanks at the end of a line: an empty value's.
    headers = "".join(f"{name}:{escape(' ')}{value}\n" for name, value in plan.headers)
    more = f"{credentials}{headers}Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}"
    return _send(_request(plan, "INVITE", cseq, f"i{cseq}", more), ' retrans="500"')


def _login(plan: Plan) -> str:
    """Return the INVITE that is challenged, and the second one with the answer."""
    credentials = f"[authentication username={plan.agent} password={plan.password}]\n"
    return (
        _invite(plan, 1)
        + _optional(100)
        + _recv("401", ' auth="true"')
        + _send(_request(plan, "ACK", 1, "i1"))
        + _invite(plan, 2, credentials)
    )


def _dial_tones(plan: Plan) -> str:
    """Return the playing of the digits, which SIPp sends as RTP events (RFC 4733) of type 96."""
    if not plan.digits:
        return ""
    # Asterisk's Answer() drops what comes while it waits for media, for half a second.
    play = f'<action><exec play_dtmf="{plan.digits}"/></action>'
    return f'  <pause milliseconds="700"/>\n  <nop>{play}</nop>\n'


#: Twenty seconds of a square wave of 1 kHz in PCMU; all bytes are ASCII.
SPEECH = "speech.ulaw"
SPEECH_TEXT = "    ~~~~" * 20_000


def _speak(plan: Plan) -> str:
    stream = f'<action><exec rtp_stream="{SPEECH},-1,0"/></action>'
    return f"  <nop>{stream}</nop>\n" if plan.speaks else ""


def _ending(after: float | None, then: str) -> str:
    """Return the attributes of a reception that waits so long and then goes on elsewhere."""
    if after is None:
        return ""
    # SIPp takes 0 for "no timeout".
    return f' timeout="{max(1, round(after * 1000))}" ontimeout="{then}"'


def _cancelling() -> list[str]:
    """Return what follows a CANCEL: its 200, and the end of the INVITE in either order.

    The 200 may also be the answer of a callee who was quicker. SIPp takes messages between two
    steps, so the test is on the reception itself: in a <nop> after it the 487 would be unexpected.
    """
    test = '<ereg regexp="INVITE" search_in="hdr" header="CSeq:" assign_to="crossed"/>'
    finals = _optional(*_PROVISIONAL, *_RINGING) + _optional(*_FINALS, then="refused")
    return [
        finals,
        f'  <recv response="200" next="crossed" test="crossed"><action>{test}</action></recv>\n',
        finals,
        _recv("200", ' next="crossed"'),
    ]


def scenario(plan: Plan) -> str:
    """Return the XML of a call.

    Requests with the call's Call-ID, sent to the phone's port, are a remote control: MESSAGE for
    hang up now, REFER for transfer the other side to where its Refer-To says.
    """
    cseq = 1 if plan.password is None else 2
    ringing = "ringing" if plan.cancel_after is not None else ""
    cancel = _ending(plan.cancel_after, "cancel")
    hang_up = _ending(plan.hang_up_after, "hang-up")
    answer_bye = "SIP/2.0 200 OK\n" + "".join(
        f"[last_{name}:]\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    parts = [
        '<?xml version="1.0" encoding="US-ASCII" ?>\n<scenario name="uac">\n',
        _invite(plan, 1) if plan.password is None else _login(plan),
        _optional(*_PROVISIONAL),
        _optional(*_RINGING, then=ringing),
        _optional(*_FINALS, then="refused"),
        _optional("MESSAGE", then="cancel"),
        _recv("200", ' next="answered"'),
        _label("ringing"),
        # SIPp looks for the timeout at the first of the receptions that it waits for.
        _recv("MESSAGE", f' optional="true" next="cancel"{cancel}'),
        _optional(*_PROVISIONAL, *_RINGING),
        _optional(*_FINALS, then="refused"),
        _recv("200", f' next="answered"{cancel}'),
        _label("cancel"),
        _send(_request(plan, "CANCEL", cseq, f"i{cseq}"), ' retrans="500"'),
        *_cancelling(),
        _label("crossed"),
        _send(_request(plan, "ACK", cseq, "ack"), ' next="hang-up"'),
        _label("answered"),
        _send(_request(plan, "ACK", cseq, "ack")),
        _speak(plan),
        _dial_tones(plan),
        _recv("MESSAGE", f' optional="true" next="hang-up"{hang_up}'),
        _TRANSFER,
        _recv("BYE", f' next="answer-bye"{hang_up}'),
        _label("transfer"),
        _send(_request(plan, "REFER", cseq + 1, "refer", _REFER_TO), ' retrans="500"'),
        _recv("202"),
        # Who transfers hangs up, unless the PBX is quicker (RFC 5589, section 6).
        _recv("BYE", ' timeout="500" ontimeout="leave" next="answer-bye"'),
        _label("leave"),
        _send(_request(plan, "BYE", cseq + 2, "leave"), ' retrans="500"'),
        _optional("BYE", then="answer-bye"),
        _optional(481, then="end"),
        _recv("200", ' next="end"'),
        _label("hang-up"),
        _send(_request(plan, "BYE", cseq + 3, "bye"), ' retrans="500"'),
        _optional("BYE", then="answer-bye"),
        _optional(481, then="end"),
        _recv("200", ' next="end"'),
        _label("answer-bye"),
        _send(f"{answer_bye}Content-Length: 0\n", ' next="end"'),
        _label("refused"),
        _send(_request(plan, "ACK", cseq, f"i{cseq}")),
        _label("end"),
        "  <nop/>\n</scenario>\n",
    ]
    return "".join(parts)
