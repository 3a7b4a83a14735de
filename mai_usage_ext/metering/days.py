"""Billing days and months, which belong to the organization's time zone.

Instants are ``int`` milliseconds of UTC; a day is a ``date``; a month is ``"YYYY-MM"``. A day may
be 23 or 25 hours long where clocks change, so bounds are always computed from the zone.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mai_usage_ext.errors import BadInput

__all__ = [
    "billing_day",
    "day_bounds_ms",
    "is_over",
    "month_days",
    "month_of",
    "previous_days",
    "rfc3339",
    "zone",
]


def zone(name: str, *, field: str = "timezone") -> ZoneInfo:
    """The zone of an IANA name. Raises ``BadInput`` when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise BadInput(field, got=name, expected="an IANA zone such as Europe/Warsaw") from None


def billing_day(instant_ms: int, zone_name: str) -> date:
    """The calendar day of an instant in the organization's zone."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(zone(zone_name)).date()


def day_bounds_ms(day: date, zone_name: str) -> tuple[int, int]:
    """First instant of ``day`` in the zone, and first instant of the day after it."""
    return _midnight_ms(day, zone_name), _midnight_ms(day + timedelta(days=1), zone_name)


def is_over(
    day: date,
    *,
    at_ms: int,
    time_zone: str,
    next_time_zone: str | None = None,
    next_from_ms: int | None = None,
) -> bool:
    """Whether no instant from ``at_ms`` on can lie in ``day``, as far as is planned.

    ``next_time_zone`` holds from ``next_from_ms`` on. Until then a day has to be over in both
    zones: one that lies further west brings back a day that had ended.
    """
    if next_time_zone is None or next_from_ms is None:
        return day < billing_day(at_ms, time_zone)
    if at_ms >= next_from_ms:
        return day < billing_day(at_ms, next_time_zone)
    return day < billing_day(at_ms, time_zone) and day < billing_day(next_from_ms, next_time_zone)


def month_of(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def month_days(day: date) -> tuple[date, date]:
    """First and last day of the month that ``day`` is in."""
    first = day.replace(day=1)
    next_first = (first + timedelta(days=32)).replace(day=1)
    return first, next_first - timedelta(days=1)


def previous_days(day: date, count: int) -> list[date]:
    """The ``count`` days that end with ``day``, oldest first."""
    return [day - timedelta(days=back) for back in range(count - 1, -1, -1)]


def rfc3339(instant_ms: int, *, timespec: str = "milliseconds") -> str:
    """An instant in UTC, such as ``2026-01-31T23:00:00.000Z``; ``timespec`` is isoformat's."""
    moment = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _midnight_ms(day: date, zone_name: str) -> int:
    # fold=0 takes the first midnight where a zone has two; where it has none, the instant computed
    # through UTC is the moment the clocks jumped, which is when the day began there.
    local = datetime.combine(day, time.min, tzinfo=zone(zone_name))
    return int(local.astimezone(UTC).timestamp() * 1000)
