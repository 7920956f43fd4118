"""Screen pop: open the client's page when an agent's phone rings, or the agent calls.

C2D_URL=http://pbx:8300 C2D_KEY=… CRM_URL=https://crm/contacts/ python3 screen_pop.py 1000
"""

import os
import sys
import webbrowser

from events import events

show = webbrowser.open if sys.stdout.isatty() else print
popped = ""
for event, call in events(f"?agent={sys.argv[1]}"):
    if event == "call" and call["state"] != "ended" and call["call_ref"] != popped:
        popped = call["call_ref"]
        show(os.environ["CRM_URL"] + (call["contact_ref"] or call["callee"]))
