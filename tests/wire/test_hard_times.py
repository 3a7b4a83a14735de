"""What happens around a call that is on its way: its money is booked where it was admitted."""

import asyncio

from mai_usage_ext.ports import SYSTEM
from tests.wire.rig import Rig


async def test_an_organization_is_deactivated_while_it_answers(rig: Rig) -> None:
    """The answer in flight goes on to its end and is booked; the next call is refused."""
    services = rig.meter.services
    assert services is not None
    made = await asyncio.to_thread(services.organizations.create, {"name": "Acme"}, actor=SYSTEM)
    await asyncio.to_thread(services.members.assign, "alice", made.id, actor=SYSTEM)
    async with rig.call(stream=True, switches={"chunk_delay": 0.03}) as response:
        first = await response.content.readany()
        await asyncio.to_thread(
            services.organizations.change, made.id, {"is_active": False}, actor=SYSTEM
        )
        services.directory.forget()
        rest = await response.read()
    assert b"[DONE]" in first + rest
    async with rig.call() as response:
        assert response.status == 403
        assert "deactivated" in await response.text()
    await rig.until(lambda holds: holds == {"settled": 1})
    [entry] = rig.entries()
    assert (entry["organization_id"], entry["user_id"]) == (made.id, "alice")
    assert rig.ledger_pusd() == rig.bill_pusd()
