"""Button: a CRM whose page calls, and whose server gives the page a token in place of the key.

C2D_URL=http://pbx:8300 C2D_KEY=… python3 button.py 8080; http://localhost:8080 is in cors_origins.
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AGENT = "1000"  # whoever is signed in: your CRM knows
SERVER, KEY = os.environ["C2D_URL"], os.environ["C2D_KEY"]
PORT = int(sys.argv[1])
PAGE = f"""<!doctype html><title>Clients</title>
<a href="tel:0820000100" data-contact-ref="client-4711">082 000 0100</a>
<script src="{SERVER}/click2dial.js" data-agent="{AGENT}" data-token-url="/token"></script>"""


class CRM(BaseHTTPRequestHandler):
    def do_GET(self):
        is_token = self.path == "/token"
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if is_token else "text/html")
        self.end_headers()
        self.wfile.write(token() if is_token else PAGE.encode())


def token():
    wanted = json.dumps({"agent": AGENT, "origin": f"http://localhost:{PORT}"}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{SERVER}/click2dial/tokens", wanted, headers)
    return urllib.request.urlopen(request, timeout=10).read()


ThreadingHTTPServer(("127.0.0.1", PORT), CRM).serve_forever()
