"""Routes whose endpoints take the request and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Route, request_response

__all__ = ["PlainRoute"]


class PlainRoute(APIRoute):
    """A route that FastAPI describes and Starlette serves.

    There is nothing in the request that FastAPI would read for an endpoint; what it does to find
    that out costs a third of a refused request.
    """

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **described: Any
    ) -> None:
        super().__init__(path, endpoint, **described)
        self.app = request_response(endpoint)

    matches = Route.matches
    handle = Route.handle
