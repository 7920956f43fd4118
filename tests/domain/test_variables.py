"""The dialplan and the server mean the same variables."""

from __future__ import annotations

import re
from pathlib import Path

from click2dial_agi.domain import headers, variables

DIALPLAN = (Path(__file__).parents[2] / "dialplan" / "click2dial.conf").read_text("utf-8")
CODE = "\n".join(line for line in DIALPLAN.splitlines() if not line.startswith(";"))
LABELS = set(re.findall(r"n\((\w+)\)", CODE))


def test_the_dialplan_knows_no_variable_that_nobody_sets() -> None:
    named = {value for name, value in vars(variables).items() if name.isupper()}
    # Set(NAME=, MSet(…,NAME=, with two underscores or as SHARED(NAME,channel)=, Set(${IF(…:NAME)}=
    set_there = set(re.findall(r"[(,:](?:SHARED\()?_*(C2D_\w+)(?:,[^)]*)?(?:\)\}?)?=", CODE))
    globals_ = set(re.findall(r"^(C2D_\w+) *=>?", CODE, re.MULTILINE))
    inbound = {"C2D_AGENTS", "C2D_QUEUE", "C2D_QUEUE_TIMEOUT", "C2D_NEXT"}
    operators = {"C2D_EXTENSION"} | inbound
    used = set(re.findall(r"C2D_\w+", CODE))
    assert used <= named | set_there | globals_ | operators


def test_the_dialplan_reads_what_the_server_answers() -> None:
    for name in (variables.DIAL, variables.RING_TIMEOUT, variables.VERDICT, variables.RECEIPT):
        assert f"${{{name}}}" in CODE


def test_a_verdict_is_a_label_of_the_dialplan() -> None:
    assert {variables.VERDICT_DIAL, variables.VERDICT_REFUSE} <= LABELS


def test_each_header_arrives_under_its_fact() -> None:
    assert headers.PLATFORMA_CALL_REF in CODE
    for family in ("Teleforge", "Platforma"):
        for field in ("Outbound-ID", "Contact-Ref", "Call-Ref"):
            fact = getattr(headers, f"{family}_{field}".upper().replace("-", "_"), None)
            if fact is not None:
                pattern = rf"&{fact}=\$\{{URIENCODE\([^&]*X-{family}-{field}\b"
                assert re.search(pattern, CODE), fact
