"""Who belongs where and when."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from peewee import Database, IntegrityError

from mai_usage_ext.errors import Conflict
from mai_usage_ext.ports import Member, Role
from mai_usage_ext.storage.database import is_sqlite
from mai_usage_ext.storage.models import (
    ClientLiveCounter,
    ClientOrganization,
    ClientUserDailyUsage,
    DeletedUser,
    UsageHold,
    UserClientMapping,
)
from mai_usage_ext.storage.pseudonyms import put_pseudonym
from mai_usage_ext.storage.sessions import execute, session, transaction, write

__all__ = ["MemberRows", "holds_at"]

# A number of our own for PostgreSQL's advisory locks, which all programs of a database share.
_LOCK = 0x6D61_6975
# SQLite takes a bounded number of parameters in one statement.
_MOST_IDS = 500
_MOST_ROWS = 100


class MemberRows:
    """Implements ``ports.MemberStore``. Raises ``StorageUnavailable``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def lock(self) -> None:
        # SQLite's transaction has locked the whole file already.
        if not is_sqlite(self._db):
            execute(self._db, "SELECT pg_advisory_xact_lock(%s)", (_LOCK,)).close()

    def current(self, user_id: str, *, at_ms: int) -> Member | None:
        query = UserClientMapping.select().where(
            (UserClientMapping.user_id == user_id) & holds_at(at_ms)
        )
        with session(self._db):
            row = query.bind(self._db).first()
        return None if row is None else _member(row)

    def history(self, user_id: str) -> Sequence[Member]:
        return self.histories([user_id]).get(user_id, [])

    def histories(self, user_ids: Sequence[str]) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = defaultdict(list)
        with session(self._db):
            for some in _chunks(user_ids):
                query = UserClientMapping.select().where(UserClientMapping.user_id.in_(some))
                for row in query.order_by(UserClientMapping.valid_from_ms).bind(self._db):
                    found[row.user_id].append(_member(row))
        return dict(found)

    def page(
        self,
        *,
        organization_id: str | None,
        role: Role | None,
        search: Sequence[str] | None,
        text: str = "",
        at_ms: int,
        offset: int,
        limit: int,
    ) -> tuple[Sequence[Member], int]:
        mapping = UserClientMapping
        query = mapping.select().where(holds_at(at_ms))
        if organization_id is not None:
            query = query.where(mapping.organization_id == organization_id)
        if role is not None:
            query = query.where(mapping.role == role.value)
        if search is not None:
            is_found = mapping.user_id.in_(list(search))
            query = query.where(is_found | mapping.user_id.contains(text) if text else is_found)
        page = query.order_by(mapping.user_id).offset(offset).limit(limit)
        with session(self._db):
            total = query.bind(self._db).count()
            return [_member(row) for row in page.bind(self._db)], int(total)

    def user_ids(self) -> Sequence[str]:
        query: Any = UserClientMapping.select(UserClientMapping.user_id).where(
            UserClientMapping.valid_to_ms.is_null()
        )
        with session(self._db):
            return [row[0] for row in query.tuples().bind(self._db)]

    def seen_user_ids(self, since: date) -> Sequence[str]:
        daily = ClientUserDailyUsage
        # Naming the organizations lets the key find the days; it begins with them.
        organizations: Any = ClientOrganization.select(ClientOrganization.id)
        is_recent = daily.organization_id.in_(organizations) & (daily.day >= since)
        queries: tuple[Any, ...] = (
            ClientLiveCounter.select(ClientLiveCounter.user_id).distinct(),
            UsageHold.select(UsageHold.user_id).where(UsageHold.closed_at_ms.is_null()).distinct(),
            daily.select(daily.user_id).where(is_recent).distinct(),
        )
        pseudonyms: Any = DeletedUser.select(DeletedUser.pseudonym)
        with session(self._db):
            found = {row[0] for query in queries for row in query.tuples().bind(self._db)}
            found -= {row[0] for row in pseudonyms.tuples().bind(self._db)}
        return sorted(found - {""})

    def holder_of(self, openrouter_user_id: str) -> str | None:
        query = UserClientMapping.select(UserClientMapping.user_id).where(
            UserClientMapping.openrouter_user_id == openrouter_user_id
        )
        with session(self._db):
            row = query.tuples().bind(self._db).first()
        return None if row is None else str(row[0])

    def organizations_named(self, names: Sequence[str]) -> dict[str, str]:
        organization = ClientOrganization
        by_id: set[str] = set()
        by_slug: dict[str, str] = {}
        with session(self._db):
            for some in _chunks(names):
                query: Any = organization.select(organization.id, organization.slug).where(
                    organization.id.in_(some) | organization.slug.in_(some)
                )
                for organization_id, slug in query.tuples().bind(self._db):
                    by_id.add(organization_id)
                    by_slug[slug] = organization_id
        # An id names its own organization, even if another one's slug reads the same.
        return by_slug | {organization_id: organization_id for organization_id in by_id}

    def add(self, member: Member) -> None:
        self.add_many([member])

    def add_many(self, members: Sequence[Member]) -> None:
        try:
            # Its own savepoint, because PostgreSQL ends a transaction at its first error.
            with transaction(self._db):
                for start in range(0, len(members), _MOST_ROWS):
                    rows = [_columns(member) for member in members[start : start + _MOST_ROWS]]
                    write(self._db, UserClientMapping.insert_many(rows))
        except IntegrityError as error:
            who = repr(members[0].user_id) if len(members) == 1 else f"one of {len(members)} users"
            raise Conflict(
                f"{who} has been mapped by somebody else just now", field="user_id"
            ) from error

    def end(self, member: Member, *, at_ms: int) -> None:
        self._update(member, {"valid_to_ms": at_ms})

    def end_many(self, ends: Sequence[tuple[Member, int]]) -> None:
        open_at: dict[int, list[str]] = defaultdict(list)
        with transaction(self._db):
            for member, at_ms in ends:
                if member.valid_to_ms is None:
                    open_at[at_ms].append(member.user_id)
                else:
                    self.end(member, at_ms=at_ms)
            for at_ms, user_ids in open_at.items():
                for some in _chunks(user_ids):
                    # Each user has one open stretch at most.
                    is_open = UserClientMapping.valid_to_ms.is_null()
                    query = UserClientMapping.update(valid_to_ms=at_ms).where(
                        UserClientMapping.user_id.in_(some) & is_open
                    )
                    if write(self._db, query) != len(some):
                        raise Conflict(
                            "some of these users have been moved by somebody else just now",
                            field="user_id",
                        )

    def reopen(self, member: Member) -> None:
        self._update(member, {"valid_to_ms": None})

    def change(self, member: Member, changes: Mapping[str, Any]) -> None:
        known = {"role", "monthly_limit_pusd", "openrouter_user_id"}
        if not changes or not known.issuperset(changes):
            raise ValueError(f"only {sorted(known)} of a stretch can be changed")
        # A role goes into the database as its text.
        self._update(member, {**changes, "role": Role(changes.get("role", member.role)).value})

    def remove(self, member: Member) -> None:
        with transaction(self._db):
            _only_row(member, write(self._db, UserClientMapping.delete().where(_is(member))))

    def pseudonymise(self, user_id: str, pseudonym: str, *, user_hash: str, now_ms: int) -> int:
        with transaction(self._db):
            return put_pseudonym(self._db, user_id, pseudonym, user_hash=user_hash, now_ms=now_ms)

    def _update(self, member: Member, changes: Mapping[str, Any]) -> None:
        with transaction(self._db):
            query = UserClientMapping.update(**changes).where(_is(member))
            _only_row(member, write(self._db, query))


def _columns(member: Member) -> dict[str, Any]:
    return {
        "user_id": member.user_id,
        "valid_from_ms": member.valid_from_ms,
        "valid_to_ms": member.valid_to_ms,
        "organization_id": member.organization_id,
        "role": member.role.value,
        "monthly_limit_pusd": member.monthly_limit_pusd,
        "openrouter_user_id": member.openrouter_user_id,
        "created_at_ms": member.created_at_ms,
        "source": member.source,
    }


def _only_row(member: Member, rows: int) -> None:
    if rows != 1:
        raise Conflict(
            f"the membership of {member.user_id!r} has been changed by somebody else just now",
            field="user_id",
        )


def holds_at(at_ms: int) -> Any:
    """Whether a stretch covers an instant."""
    return (UserClientMapping.valid_from_ms <= at_ms) & (
        UserClientMapping.valid_to_ms.is_null() | (UserClientMapping.valid_to_ms > at_ms)
    )


def _is(member: Member) -> Any:
    """The row of a stretch, as long as nobody has ended or moved it since it was read."""
    ends = (
        UserClientMapping.valid_to_ms.is_null()
        if member.valid_to_ms is None
        else UserClientMapping.valid_to_ms == member.valid_to_ms
    )
    return (
        (UserClientMapping.user_id == member.user_id)
        & (UserClientMapping.valid_from_ms == member.valid_from_ms)
        & (UserClientMapping.organization_id == member.organization_id)
        & ends
    )


def _member(row: UserClientMapping) -> Member:
    return Member(
        organization_id=row.organization_id,
        user_id=row.user_id,
        role=Role(row.role),
        openrouter_user_id=row.openrouter_user_id,
        monthly_limit_pusd=row.monthly_limit_pusd,
        valid_from_ms=row.valid_from_ms,
        valid_to_ms=row.valid_to_ms,
        source=row.source,
        created_at_ms=row.created_at_ms,
    )


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    distinct = sorted(set(values))
    for start in range(0, len(distinct), _MOST_IDS):
        yield distinct[start : start + _MOST_IDS]
