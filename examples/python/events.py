"""What happens, for ever: events() yields (event, data), over all that goes away meanwhile."""

import json
import os
import sys
import time
import urllib.request


def events(query=""):
    url = f"{os.environ['C2D_URL']}/click2dial/events{query}"
    headers = {"Authorization": f"Bearer {os.environ['C2D_KEY']}"}
    while True:
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(
                request, timeout=40
            ) as stream:  # a comment comes every 15 s
                for line in stream:
                    name, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if name == "event":
                        event = value
                    elif name == "data":
                        yield event, json.loads(value)
        except OSError as error:  # the server, its Redis or the network is away
            print(error, file=sys.stderr)
            if getattr(error, "code", 503) != 503:  # that does not get better
                sys.exit(error.read().decode())
        time.sleep(1)
