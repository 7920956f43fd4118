# ruff: noqa: E501
"""What stands in for FreePBX's dialplan: contexts of the same names, with the effects that matter.

Facts are those of FreePBX 17's modules core, queues and findmefollow; what else they do is left out.
"""

from __future__ import annotations

TRUNK_CID = "27115550000"  # the trunk's Outbound CID
ROUTE_CID = "27115551111"  # a route's
USER_CID = "27115552222"  # an extension's own

#: A number's third digit says how the trunk behind its route is set; 8 leads to two trunks.
ALLOW, ROUTE, FORCE, HIDDEN, TWO = "1", "2", "3", "4", "8"

CONTEXTS = f"""
[globals](+)
OUTCID_1 = {TRUNK_CID}
TRUNK_OPTIONS = T

[from-internal]
include => from-internal-noxfer
include => from-internal-xfer
include => bad-number

[from-internal-noxfer]
include => from-internal-noxfer-custom
include => from-internal-noxfer-additional

[from-internal-noxfer-additional]
exten => 112,1,Set(GLOBAL(EMERGENCY_CALLS)=1${{EMERGENCY_CALLS}})
 same => n,Hangup(17)

[from-internal-xfer]
include => ext-queues
include => ext-findmefollow
include => ext-local
include => ext-group
include => outbound-allroutes
exten => *97,1,Answer()
 same => n,Wait(20)

; Call pickup of an extension (a BLF key's, too).
exten => _**XXXX,1,Pickup(${{EXTEN:2}}&${{EXTEN:2}}@PICKUPMARK)
 same => n,Hangup()

; A ring group: an extension, and what stands in the group's list, numbers outside too.
[ext-group]
exten => 601,1,Dial(PJSIP/3003,20)
 same => n,Hangup()
exten => 602,1,Set(_FORWARD_CONTEXT=from-internal)
 same => n,Dial(PJSIP/3003&Local/${{DB(RINGGROUP/602)}}@from-internal/n,20)
 same => n,Hangup()
; A misc destination, an IVR's key, a time condition that lead outside
exten => 603,1,Goto(from-internal,${{DB(MISC/603)}},1)

[bad-number]
exten => _X.,1,Hangup(28)

; An extension: forwarded (*72), on DND, and when it does not answer, the voicemail takes the call.
[ext-local]
exten => _[34]XXX,1,Gosub(macro-user-callerid,s,1)
 same => n,Set(CF=${{DB(CF/${{EXTEN}})}})
 same => n,GotoIf($["${{CF}}" != "" & "${{CFIGNORE}}" = ""]?from-internal,${{CF}},1)
 same => n,GotoIf($["${{DB(DND/${{EXTEN}})}}" = "YES"]?vm)
 same => n,Dial(PJSIP/${{EXTEN}},2,${{IF($["${{NODEST}}" != ""]?U(macro-auto-blkvm))}})
 same => n(vm),Gosub(macro-blkvm-check,s,1)
 same => n,GotoIf($["${{GOSUB_RETVAL}}" = "TRUE"]?gone)
 same => n,Set(GLOBAL(VOICEMAILS)=1${{VOICEMAILS}})
 same => n,Answer()
 same => n,Wait(20)
 same => n(gone),Hangup()
exten => _3XXX,hint,PJSIP/${{EXTEN}}

; Follow-me rings what stands in the extension's list, numbers outside too.
[ext-findmefollow]
exten => _[34]XXX,1,GotoIf($["${{DB(AMPUSER/${{EXTEN}}/followme/ddial)}}" != "DIRECT"]?ext-local,${{EXTEN}},1)
 same => n,Dial(PJSIP/${{EXTEN}}&Local/${{DB(AMPUSER/${{EXTEN}}/followme/grplist)}}@from-internal/n,5)
 same => n,Hangup()

[ext-queues]
exten => 600,1,Answer()
 same => n,Gosub(macro-blkvm-set,s,1(reset))
 same => n,Set(__NODEST=${{EXTEN}})
 same => n,Queue(600,t,,,10)
 same => n,Set(__NODEST=)
 same => n,Hangup()

[from-queue]
exten => 600,1,Goto(from-internal,${{QAGENT}},1)
exten => _.,1,Set(QAGENT=${{EXTEN}})
 same => n,GotoIf($["${{NODEST}}" = ""]?gone)
 same => n,GotoIf(${{DIALPLAN_EXISTS(from-queue,${{NODEST}},1)}}?${{NODEST}},1)
 same => n(gone),Hangup()

; Where a queue's agents are restricted to extensions: the phone alone, and no voicemail.
[from-queue-exten-only]
exten => _XXXX,1,GotoIf($[${{DB_EXISTS(AMPUSER/${{EXTEN}}/cidnum)}} = 0]?${{IF($["${{QCONTEXT}}" = "2"]?gone:from-internal,${{EXTEN}},1)}})
 same => n,GotoIf($["${{DB(DND/${{EXTEN}})}}" = "YES"]?gone)
 same => n,Dial(PJSIP/${{EXTEN}},2)
 same => n(gone),Hangup()

[macro-blkvm-set]
exten => s,1,Set(__BLKVM_CHANNEL=${{CHANNEL}})
 same => n,Set(SHARED(BLKVM,${{BLKVM_CHANNEL}})=TRUE)
 same => n,Return(TRUE)
[macro-blkvm-check]
exten => s,1,Return(${{SHARED(BLKVM,${{BLKVM_CHANNEL}})}})
[macro-blkvm-clr]
exten => s,1,Set(SHARED(BLKVM,${{BLKVM_CHANNEL}})=)
 same => n,Return()
[macro-auto-blkvm]
exten => s,1,Gosub(macro-blkvm-clr,s,1)
 same => n,Return()

; Who calls: his name and number come from the database.
[macro-user-callerid]
exten => s,1,ExecIf($["${{REALCALLERIDNUM}}" = ""]?Set(REALCALLERIDNUM=${{CALLERID(num)}}))
 same => n,Set(AMPUSER=${{DB(DEVICE/${{REALCALLERIDNUM}}/user)}})
 same => n,ExecIf($["${{AMPUSER}}" != ""]?Set(CALLERID(all)="User" <${{AMPUSER}}>))
 same => n,Return()

[outbound-allroutes]
exten => _[02]X[128]X.,1,Gosub(macro-user-callerid,s,1)
 same => n,ExecIf($["${{EXTEN:2:1}}${{TRUNKCIDOVERRIDE}}" = "2"]?Set(TRUNKCIDOVERRIDE={ROUTE_CID}))
 same => n,ExecIf($["${{DB(RECORD/${{AMPUSER}})}}" = "force"]?Set(GLOBAL(RECORDED)=${{RECORDED}} ${{EXTEN}}))
 same => n,ExecIf($["${{EXTEN:2:1}}" = "8"]?Gosub(macro-dialout-trunk,s,1(2,${{EXTEN}},,on)))
 same => n,Gosub(macro-dialout-trunk,s,1(1,${{EXTEN}},,))
 same => n,Playback(number-not-answering,noanswer)
 same => n,Congestion(20)
exten => _[02]X[34]X.,1,Gosub(macro-user-callerid,s,1)
 same => n,Set(FORCEDOUTCID_1=${{IF($["${{EXTEN:2:1}}" = "3"]?{TRUNK_CID})}})
 same => n,Set(TIOHIDE=${{IF($["${{EXTEN:2:1}}" = "4"]?yes)}})
 same => n,Gosub(macro-dialout-trunk,s,1(1,${{EXTEN}},,))
 same => n,Congestion(20)

exten => _9[02]XXXXXX.,1,Gosub(macro-user-callerid,s,1)
 same => n,Gosub(macro-dialout-trunk,s,1(1,${{EXTEN:1}},,))
 same => n,Congestion(20)

[macro-outbound-callerid]
exten => s,1,Set(CALLERID(all)=${{OUTCID_1}})
 same => n,ExecIf($["${{DB(AMPUSER/${{AMPUSER}}/outboundcid)}}" != ""]?Set(CALLERID(all)=${{DB(AMPUSER/${{AMPUSER}}/outboundcid)}}))
 same => n,ExecIf($["${{TRUNKCIDOVERRIDE}}" != ""]?Set(CALLERID(all)=${{TRUNKCIDOVERRIDE}}))
 same => n,ExecIf($["${{FORCEDOUTCID_1}}" != ""]?Set(CALLERID(all)=${{FORCEDOUTCID_1}}))
 same => n,ExecIf($["${{TIOHIDE}}" = "yes"]?Set(CALLERID(num-pres)=prohib_passed_screen))
 same => n,Return()

[macro-dialout-trunk]
exten => s,1,MSet(DIAL_TRUNK_OPTIONS=${{TRUNK_OPTIONS}},DIAL_NUMBER=${{ARG2}})
 same => n,Gosub(macro-outbound-callerid,s,1(${{ARG1}}))
 same => n,Gosub(macro-dialout-trunk-predial-hook,s,1)
 same => n,GotoIf($["${{PREDIAL_HOOK_RET}}" = "BYPASS"]?bypass,1)
 same => n,Dial(PJSIP/${{ARG2}}@${{IF($[${{ARG1}} = 2]?deadtrunk:trunk)}},${{IF($[${{ARG1}} = 2]?1:300)}},${{DIAL_TRUNK_OPTIONS}})
 same => n,GotoIf($["${{ARG4}}" = "on"]?continue)
 same => n,Goto(s-${{DIALSTATUS}},1)
 same => n(continue),Return()
exten => bypass,1,Return()
exten => s-BUSY,1,Busy(20)
exten => s-NOANSWER,1,Congestion(20)
exten => _s-.,1,Return()

; FreePBX's own is empty, and comes behind extensions_custom.conf.
[macro-dialout-trunk-predial-hook]
exten => s,1,Return()

[from-trunk]
exten => 27215550100,1,Set(C2D_QUEUE=600)
 same => n,Set(C2D_QUEUE_TIMEOUT=4)
 same => n,Answer(,i)
 same => n,Goto(click2dial-freepbx-queue,${{EXTEN}},1)
exten => 27215550101,1,Set(C2D_AGENTS=PJSIP/3001)
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)
"""

QUEUES = """
[600]
strategy = linear
timeout = 5
retry = 1
joinempty = yes
setinterfacevar = yes
member => Local/3002@from-queue/n
"""


def pjsip(names: tuple[str, ...]) -> str:
    """Return endpoints as FreePBX writes them: they stay in from-internal."""
    texts = [
        f"[{name}](agent)\naors = {name}\ncontext = from-internal\ncallerid = User <{name}>\n"
        f"send_pai = yes\nset_var = REALCALLERIDNUM={name}\n[{name}](aor)\n"
        for name in names
    ]
    carrier = "[carrier](common)\ncontext = from-trunk\naors =\ntrust_id_inbound = yes\n"
    return carrier + "".join(texts)
