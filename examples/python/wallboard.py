"""Wallboard: how many agents are in each state, and how many clients wait in queues.

C2D_URL=http://pbx:8300 C2D_KEY=… python3 wallboard.py
"""

import json
from collections import Counter

from events import events

agents, calls = {}, {}
for event, told in events():
    if event == "snapshot":  # it replaces all
        agents = {one["extension"]: one["state"] for one in told["agents"]}
        calls = {one["call_ref"]: one["state"] for one in told["calls"]}
    elif event == "agent":
        agents[told["extension"]] = told["state"]
    elif event == "call":
        calls[told["call_ref"]] = told["state"]
        if told["state"] == "ended":
            del calls[told["call_ref"]]
    if event != "cdr":
        waiting = list(calls.values()).count("queued")
        print(json.dumps(Counter(sorted(agents.values()))), "waiting:", waiting)
