"""Whether the phone of one of the integrator's extensions may be rung beside a call."""

from click2dial_agi.app.agent_places import RETRY_SOON, endpoint_if_free
from click2dial_agi.app.pbxs import LivePBX
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError

__all__ = ["check_free"]


async def check_free(
    pbx: LivePBX,
    extension: str,
    integrator: Integrator,
    registered: FieldError,
    free: FieldError,
) -> None:
    """Raise :exc:`CallRefused` with one of the two unless a PBX's phone may be rung."""
    technology, _, resource = integrator.dial_agent(extension).partition("/")
    if technology != "PJSIP":
        return
    name = resource.rpartition("@")[2]
    if integrator.call_waiting:
        endpoint = await pbx.ari.endpoint(technology, name)
    else:
        endpoint = await endpoint_if_free(pbx, technology, name)
    if endpoint is None or endpoint.state == "offline":
        raise CallRefused(Why.NOT_THERE, (registered,))
    if endpoint.channel_ids and not integrator.call_waiting:
        raise CallRefused(Why.BUSY, (free,), RETRY_SOON)
