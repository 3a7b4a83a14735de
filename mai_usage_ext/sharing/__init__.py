"""What processes share through Redis. Nothing here is needed, and nobody waits for it."""

from mai_usage_ext.sharing.clients import RedisClient, connect, reason_of
from mai_usage_ext.sharing.shelf import RedisShelf
from mai_usage_ext.sharing.wire import RedisMessages

__all__ = ["RedisClient", "RedisMessages", "RedisShelf", "connect", "reason_of"]
