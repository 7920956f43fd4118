"""Routes whose endpoints take the request and nothing else."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

__all__ = ["PlainRoute"]


class PlainRoute(APIRoute):
    """A route that FastAPI describes and otherwise leaves alone.

    There is nothing in the request that it would read for an endpoint; what it does to find that
    out costs a third of a refused request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint
