"""The operator's health page, and the two probes that a load balancer or an orchestrator asks."""

from fastapi import APIRouter, Response

from mai_usage_ext.api.access import Door
from mai_usage_ext.api.documents import problems
from mai_usage_ext.api.schemas.health import HealthOut, ProbeOut
from mai_usage_ext.api.services import Provide
from mai_usage_ext.errors import NotRunning
from mai_usage_ext.ports import Actor
from mai_usage_ext.services.health import CheckStatus

__all__ = ["add_health_routes", "add_probe_routes"]

_UNAVAILABLE = 503
_ANSWERS = problems(404)
_ANSWERS[_UNAVAILABLE] = {**_ANSWERS[_UNAVAILABLE], "model": HealthOut}
_PROBED = problems(404)
_PROBED[_UNAVAILABLE] = {"description": "It does not work", "model": ProbeOut}


def add_health_routes(router: APIRouter, door: Door) -> None:
    @router.get("/health", response_model=HealthOut, responses=_ANSWERS)
    def health(response: Response, _actor: Actor = door.admin) -> HealthOut:
        """The meter's own state, check by check, for admins; 503 when it is down."""
        found = door.services().health.look()
        response.status_code = _status(found.status)
        return HealthOut.of(found)


def add_probe_routes(router: APIRouter, services: Provide) -> None:
    """Nobody signs in for these. They say one word, and nothing of tenants, users or settings."""

    @router.get("/health/live", response_model=ProbeOut, responses=_PROBED)
    def live(response: Response) -> ProbeOut:
        """Whether this process works at all: 503 only where a restart would help.

        A meter that could not start is for its operator to mend, so it does not ask for a restart;
        a database that is away is not cured by one either.
        """
        try:
            status = services().health.live()
        except NotRunning:
            status = CheckStatus.OK
        response.status_code = _status(status)
        return ProbeOut(status=status.value)

    @router.get("/health/ready", response_model=ProbeOut, responses=_PROBED)
    def ready(response: Response) -> ProbeOut:
        """Whether calls can be metered now: the meter runs, its writer too, the database answers.

        The answer may be a second old.
        """
        try:
            status = services().health.ready()
        except NotRunning:
            status = CheckStatus.DOWN
        response.status_code = _status(status)
        return ProbeOut(status=status.value)


def _status(status: CheckStatus) -> int:
    return _UNAVAILABLE if status is CheckStatus.DOWN else 200
