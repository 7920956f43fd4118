"""What is pushed, posted and streamed, as schemas: AsyncAPI and OpenAPI are made from them."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from click2dial_agi.domain.live.models import AgentAnswer, LiveCall, Snapshot
from click2dial_agi.domain.payloads import PAYLOADS
from click2dial_agi.domain.record_models import CDR2, CDR3, CDR4

__all__ = ["EVENT_DATA", "any_of", "schemas"]

#: The data of each server-sent event.
EVENT_DATA: dict[str, tuple[type[BaseModel], ...]] = {
    "snapshot": (Snapshot,),
    "agent": (AgentAnswer,),
    "call": (LiveCall,),
    "cdr": (CDR2, CDR3, CDR4),
}


def schemas(*besides: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of each of these by its name, and ``besides``: ``#/components/schemas``."""
    models = {one for _, models in PAYLOADS.values() for one in models}
    models |= {one for models in EVENT_DATA.values() for one in models}
    ordered = sorted(models | set(besides), key=lambda one: one.__name__)
    _, found = models_json_schema(
        [(one, "serialization") for one in ordered],
        ref_template="#/components/schemas/{model}",
    )
    return dict(found["$defs"])


def any_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """Return the schema of what is one of these."""
    found = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    return {"anyOf": found} if len(found) > 1 else dict(found[0])
