"""``/click2dial.http``: each request of the API, ready to be sent by an editor (.http files)."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from click2dial_agi.app.http.access import access_of, check_host, host_of

__all__ = ["add_collection", "collection"]


def add_collection(app: FastAPI, written: Callable[[Request], str]) -> None:
    """Serve it, as ``/openapi.json`` is; ``written`` returns :func:`collection` of that."""

    @app.get("/click2dial.http", include_in_schema=False)
    async def requests(request: Request) -> Response:
        text = f"@server = {_server(request)}\n{written(request)}"
        return Response(text, media_type="text/plain")


def _server(request: Request) -> str:
    """Return where the API is: as the operator says, else as it was asked for."""
    access, host = access_of(request), host_of(request)
    if access.public_origin:
        return access.public_origin + access.public_path
    check_host(request)
    port = f":{host.port}" if host.port else ""
    return f"{request.scope['scheme']}://{host.uri_name}{port}"


def collection(document: Mapping[str, Any]) -> str:
    """Return a request for each operation of an OpenAPI document, with its examples.

    They are sent to ``server``, a variable that is not in it.
    """
    return "@key = put-your-key-here\n" + "".join(
        f"\n{_request(path, method, operation)}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )


def _request(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = operation.get("parameters", ())
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    lines = [f"### {operation['summary']}", f"# @name {operation['operationId']}"]
    asked = [one for one in parameters if one["in"] == "query"]
    must = urlencode({one["name"]: one["example"] for one in asked if one.get("required")})
    may = urlencode({one["name"]: one["example"] for one in asked if not one.get("required")})
    if may:
        lines.append(f"# may be asked with {'&' if must else '?'}{may}")
    lines.append(f"{method.upper()} {{{{server}}}}{path}{must and f'?{must}'}")
    if "security" in operation:
        lines.append("Authorization: Bearer {{key}}")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        example = content.get("example", content["schema"].get("example"))
        lines += ["Content-Type: application/json", "", json.dumps(example, indent=2)]
    return "\n".join(lines) + "\n"
