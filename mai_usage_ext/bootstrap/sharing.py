"""What processes share, where the host has a Redis."""

from mai_usage_ext.api.counts import RedisCounts
from mai_usage_ext.api.rate_limits import SharedCounts
from mai_usage_ext.ports.messages import Messages, NoMessages, RedisPlace
from mai_usage_ext.settings import Settings
from mai_usage_ext.sharing import RedisMessages, RedisShelf, connect, reason_of

__all__ = ["messages_of", "redis_place", "shared_counts", "shelf_of"]

# A request waits for each answer about its count.
_COUNT_TIMEOUT_S = 0.25


def redis_place(settings: Settings) -> RedisPlace | None:
    """Where it is; ``None`` where the host has none."""
    if settings.redis_url is None:
        return None
    port = settings.redis_sentinel_port
    return RedisPlace(
        url=settings.redis_url.get_secret_value(),
        sentinels=tuple((host, port) for host in settings.redis_sentinel_hosts),
        is_cluster=settings.redis_cluster,
        prefix=f"{settings.redis_key_prefix}:mai_usage",
    )


def messages_of(settings: Settings) -> Messages:
    place = redis_place(settings)
    return NoMessages() if place is None else RedisMessages(place)


def shelf_of(settings: Settings) -> RedisShelf | None:
    """Where processes leave reports of sealed days for each other."""
    place = redis_place(settings)
    return None if place is None else RedisShelf(place)


def shared_counts(settings: Settings) -> SharedCounts | None:
    """Where replicas count requests together; made without any I/O."""
    place = redis_place(settings)
    if place is None:
        return None
    return SharedCounts(
        counts=RedisCounts(lambda: connect(place, timeout_s=_COUNT_TIMEOUT_S), prefix=place.prefix),
        reason_of=lambda error: reason_of(error, place),
    )
