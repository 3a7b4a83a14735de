"""Counts in a real Redis: they end, and only our own are dropped."""

from __future__ import annotations

from mai_usage_ext.api.counts import RedisCounts
from mai_usage_ext.ports.messages import RedisPlace
from mai_usage_ext.sharing import connect
from tests.workshop.redis import RedisServer


def counts_of(redis: RedisServer, prefix: str) -> RedisCounts:
    place = RedisPlace(url=redis.url, sentinels=(), is_cluster=False, prefix=prefix)
    return RedisCounts(lambda: connect(place, timeout_s=5), prefix=prefix)


def test_a_reset_drops_our_counts_and_no_others(redis: RedisServer) -> None:
    """Signs that mean something to Redis mean nothing in a prefix."""
    ours, others = counts_of(redis, "web*[u]?:mai_usage"), counts_of(redis, "webs-u-x:mai_usage")
    for counts in (ours, others):
        assert [counts.incr("ada", 60), counts.incr("ada", 60), counts.incr("bob", 60)] == [1, 2, 1]
    assert ours.get_expiry("ada") > 0
    assert ours.reset() == 2
    assert (ours.get("ada"), ours.get("bob"), others.get("ada")) == (0, 0, 2)
    ours.close()
    others.close()
