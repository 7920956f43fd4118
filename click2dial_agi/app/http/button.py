"""``/click2dial.js``: buttons for the telephone numbers in a CRM's pages (docs/button.md)."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.files import SOFTPHONE_FILES, StaticFile
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError

__all__ = ["add_button"]

_SCRIPT = StaticFile(SOFTPHONE_FILES / "dist" / "click2dial.js", "text/javascript")
_TYPES = StaticFile(SOFTPHONE_FILES / "click2dial.d.ts", "text/plain")
_HEADERS = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}

_NOT_BUILT = Problem(503, (FieldError("click2dial.js", "built: run `make softphone`"),))


def add_button(app: FastAPI, current: Callable[[], Integrator]) -> None:
    """Add the script, its types, and what it must know of an integrator: all of it public."""

    @app.get("/click2dial.js", include_in_schema=False)
    async def script(request: Request) -> Response:
        if not _SCRIPT.exists():
            raise _NOT_BUILT
        return _SCRIPT.response(request, _HEADERS)

    @app.get("/click2dial.d.ts", include_in_schema=False)
    async def types(request: Request) -> Response:
        return _TYPES.response(request, _HEADERS)

    @app.get("/click2dial.json", include_in_schema=False)
    async def numbers(_: Request) -> Response:
        return JSONResponse({"numbers": current().plan.rules()}, headers=_HEADERS)
