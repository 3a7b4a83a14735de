"""Names beside the ids of rows that go by: looked up a few hundred at a time, nobody twice."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from mai_usage_ext.services.people import People, Person

__all__ = ["with_people"]

_AT_ONCE = 500
_MOST_REMEMBERED = 10_000
_Row = TypeVar("_Row")


def with_people(
    rows: Iterable[_Row], people: People, user_id: Callable[[_Row], str]
) -> Iterator[tuple[_Row, Person]]:
    """Each row with its user; the id is ``""`` where nobody is known."""
    known: dict[str, Person] = {}
    remaining = iter(rows)
    while some := list(islice(remaining, _AT_ONCE)):
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        known |= people.of({user_id(row) for row in some} - known.keys())
        for row in some:
            yield row, known[user_id(row)]
