"""``/docs``, ``/openapi.json`` and what is made from it, without a byte from elsewhere.

FastAPI's own page loads Swagger UI from a CDN, which a PBX without Internet does not reach, and
which would be a stranger's code beside a field for the key.  fastapi-offline brings the files; its
application class is not used, since it adds pages that we do not have.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi

from click2dial_agi.app.http.asyncapi import add_asyncapi, webhooks
from click2dial_agi.app.http.collection import add_collection, collection
from click2dial_agi.app.http.create_schema import create_body
from click2dial_agi.app.http.files import StaticFile
from click2dial_agi.app.http.message_schemas import schemas
from click2dial_agi.app.http.routes import PlainRoute
from click2dial_agi.app.http.schemas import Errors
from click2dial_agi.domain.numbering import NumberPlan

__all__ = ["add_description", "add_docs"]

_STATIC = Path(str(files("fastapi_offline"))) / "static"
_SCRIPT, _STYLE = "swagger-ui-bundle.js", "swagger-ui.css"

# The page's own script is inline; pictures in the style sheet are data.  Where a network needs no
# key, a click at "Execute" is a call: no page of others may lay it under something to click at.
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CACHE = {"Cache-Control": "public, max-age=86400"}


def add_docs(app: FastAPI) -> None:
    """Serve the interactive description of an application."""
    script_file = StaticFile(_STATIC / _SCRIPT, "text/javascript")
    style_file = StaticFile(_STATIC / _STYLE, "text/css")

    @app.get("/docs", include_in_schema=False)
    async def docs(_: Request) -> Response:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"docs/{_SCRIPT}",
            swagger_css_url=f"docs/{_STYLE}",
            swagger_favicon_url="data:,",
            # Its default sends the description to a public validator.
            swagger_ui_parameters={"validatorUrl": None},
        )
        page.headers["Content-Security-Policy"] = _POLICY
        return page

    @app.get(f"/docs/{_SCRIPT}", include_in_schema=False)
    async def script(request: Request) -> Response:
        return script_file.response(request, _CACHE)

    @app.get(f"/docs/{_STYLE}", include_in_schema=False)
    async def style(request: Request) -> Response:
        return style_file.response(request, _CACHE)


def add_description(app: FastAPI, create_path: str, plan: Callable[[], NumberPlan]) -> None:
    """Serve ``/openapi.json``, and the same as requests that an editor sends.

    It says that keys are bearer tokens, what a number is, and what webhooks are sent.
    ``create_path`` is where calls are created.  ``plan`` is asked on every request, so that a
    reload needs no new application.
    """

    # Written once for each path that a proxy has put before ours, of which there is one.
    @lru_cache(maxsize=4)
    def described(root_path: str, plan: NumberPlan) -> dict[str, Any]:
        routes = [route.described for route in app.routes if isinstance(route, PlainRoute)]
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=routes
        )
        document["paths"][create_path]["post"]["requestBody"] = create_body(plan)
        components = document["components"]
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        components["schemas"] = {**schemas(Errors), **components["schemas"]}
        document["webhooks"] = webhooks()
        if root_path:
            document = {**document, "servers": [{"url": root_path}]}
        return document

    @lru_cache(maxsize=4)
    def text(root_path: str, plan: NumberPlan) -> bytes:
        return json.dumps(described(root_path, plan), ensure_ascii=False).encode()

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return Response(text(request.scope["root_path"], plan()), media_type="application/json")

    @lru_cache(maxsize=4)
    def requests(root_path: str, plan: NumberPlan) -> str:
        return collection(described(root_path, plan))

    add_collection(app, lambda request: requests(request.scope["root_path"], plan()))
    add_asyncapi(app)
