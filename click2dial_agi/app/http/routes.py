"""Routes whose endpoints take the request and nothing else."""

from collections.abc import Awaitable, Callable, Collection
from functools import cached_property
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Route

__all__ = ["PlainRoute"]


class PlainRoute(Route):
    """A route that Starlette serves, and FastAPI describes when somebody asks.

    There is nothing in the request that FastAPI would read for an endpoint; what it does to find
    that out costs a third of a refused request.  Its description takes a millisecond to make, each
    integrator has forty routes, and nobody reads most of them.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *,
        methods: Collection[str],
        include_in_schema: bool = True,
        **description: Any,
    ) -> None:
        super().__init__(path, endpoint, include_in_schema=include_in_schema)
        self.methods = set(methods)  # Starlette's would answer HEAD wherever it answers GET
        self._description = description

    @cached_property
    def described(self) -> APIRoute:
        """What FastAPI makes of it, to write OpenAPI from."""
        return APIRoute(
            self.path,
            self.endpoint,
            methods=self.methods,
            include_in_schema=self.include_in_schema,
            **self._description,
        )
