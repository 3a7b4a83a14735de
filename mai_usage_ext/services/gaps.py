"""What a comparison with OpenRouter found, kept and told in one transaction."""

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports import UnitOfWork
from mai_usage_ext.ports.events import EventKind, EventStore
from mai_usage_ext.ports.reconciliation import Finding, ReconciliationRecord, ReconciliationStore

__all__ = ["Gaps"]


class Gaps:
    """A gap is less than 99.5 % captured, or a difference that nobody can explain. It is told once
    for each key, UTC day and finding."""

    def __init__(
        self, store: ReconciliationStore, events: EventStore, *, unit_of_work: UnitOfWork
    ) -> None:
        self._store = store
        self._events = events
        self._unit_of_work = unit_of_work

    def keep(self, line: ReconciliationRecord) -> None:
        with self._unit_of_work():
            self._store.save(line)
            if line.finding is Finding.WAITING:
                return
            if line.is_below:
                self._store.alert(line)
            if line.is_below or line.finding is Finding.UNEXPLAINED:
                self._tell(line)

    def _tell(self, line: ReconciliationRecord) -> None:
        """It holds what OpenRouter charged, so it is the reseller's affair, of no organization."""
        key_hash = line.key_hash[:12]
        self._events.add(
            EventKind.RECONCILIATION_GAP,
            subject=f"{line.day}/{line.key_hash}/{line.finding.value}",
            at_ms=line.checked_at_ms,
            data={
                "day": line.day.isoformat(),
                "key_hash": key_hash,
                "client_id": line.organization_id,
                "finding": line.finding.value,
                "is_below": line.is_below,
                "reason": line.reason,
                "captured_cost": usd_from_pusd(line.captured.raw_pusd),
                "adjusted_cost": usd_from_pusd(line.adjusted_pusd),
                "provider_cost": usd_from_pusd(line.provider.raw_pusd),
                "captured_requests": line.captured.requests,
                "provider_requests": line.provider.requests,
            },
        )
