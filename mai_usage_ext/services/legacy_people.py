"""Who belonged where in the prototype, put into members' histories here."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mai_usage_ext.errors import BadInput, Conflict
from mai_usage_ext.ports import ImportMark, ImportStore, LegacyRow, Member, MemberStore, Role
from mai_usage_ext.services.legacy_report import Result, RowReport
from mai_usage_ext.services.legacy_usage import row_id
from mai_usage_ext.services.legacy_values import flag_of, instant_ms, said_user_id, text_of
from mai_usage_ext.services.stretches import Timeline

__all__ = ["MAPPINGS", "PeopleImport", "newest_rows"]

MAPPINGS = "user_client_mapping"
_KIND = "mapping"
# Where nobody has decided about a user, the prototype's word is better than none.
_UNDECIDED = ("default", "unmapped")


def newest_rows(rows: Iterable[LegacyRow], *, now_ms: int) -> dict[str, str]:
    """The id of the newest active row of each user who has several; nobody belongs twice here."""
    active: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in rows:
        try:
            if flag_of(row.get("is_active")):
                user_id = text_of(row.get("user_id"), field="user_id")
                active[user_id].append((_changed_at(row, now_ms), row_id(row, "")))
        except BadInput:
            # Its own organization reports it.
            continue
    return {user_id: max(found)[1] for user_id, found in active.items() if len(found) > 1}


@dataclass(slots=True, kw_only=True)
class PeopleImport:
    """The members of ``source_id``, put into ``organization_id`` in the caller's transaction."""

    store: ImportStore
    members: MemberStore
    source_id: str
    organization_id: str
    newest: dict[str, str]
    now_ms: int
    reports: list[RowReport] = field(default_factory=list)
    placed: int = 0

    def run(self, rows: Sequence[LegacyRow]) -> None:
        self.members.lock()
        for row in rows:
            try:
                result, why = self._place(row)
            except BadInput as error:
                result, why = Result.BROKEN, str(error)
            except Conflict as error:
                result, why = Result.CONFLICT, str(error)
            self.reports.append(
                RowReport(
                    table=MAPPINGS,
                    id=row_id(row, ""),
                    organization=self.source_id,
                    result=result,
                    why=why,
                )
            )

    def _place(self, row: LegacyRow) -> tuple[Result, str]:
        """Raises ``BadInput`` and ``Conflict``."""
        source_id = text_of(row.get("id"), field="id")
        user_id = text_of(row.get("user_id"), field="user_id")
        if not flag_of(row.get("is_active")):
            return Result.SKIPPED, "it was switched off there"
        if self.store.mark(_KIND, source_id) is not None:
            return Result.UNCHANGED, ""
        if self.newest.get(user_id, source_id) != source_id:
            why = f"user_id {user_id!r} has the newer row {self.newest[user_id]}"
            return Result.CONFLICT, why
        said, why = self._said(row, user_id)
        line = Timeline.of(self.members.history(user_id), now_ms=self.now_ms)
        if line.planned is not None:
            raise Conflict(f"a move of {user_id!r} is planned here, which stays")
        if line.present is not None and line.present.organization_id == self.organization_id:
            return Result.UNCHANGED, ""
        if line.present is not None and line.present.source not in _UNDECIDED:
            raise Conflict(f"{user_id!r} belongs to {line.present.organization_id!r} here")
        since = self.now_ms
        if line.history:
            since = line.free_instant(self.now_ms)
        elif row.get("created_at") is not None:
            since = instant_ms(row["created_at"], now_ms=self.now_ms, field="created_at")
        if line.present is not None:
            self.members.end(line.present, at_ms=since)
        self.members.add(
            Member(
                organization_id=self.organization_id,
                user_id=user_id,
                role=Role.MEMBER,
                openrouter_user_id=line.openrouter_user_id or said,
                valid_from_ms=since,
                valid_to_ms=None,
                source="imported",
                created_at_ms=self.now_ms,
            )
        )
        mark = ImportMark(kind=_KIND, source_id=source_id, target_id=user_id, lacks=why)
        self.store.put_mark(mark, now_ms=self.now_ms)
        self.placed += 1
        return (Result.PARTLY, why) if why else (Result.IMPORTED, "")

    def _said(self, row: LegacyRow, user_id: str) -> tuple[str | None, str]:
        """The name OpenRouter knows the user by, or why they get a new one."""
        try:
            said = said_user_id(row.get("openrouter_user_id"))
        except BadInput as error:
            return None, f"with a new openrouter_user_id: {error}"
        holder = None if said is None else self.members.holder_of(said)
        if holder in (None, user_id):
            return said, ""
        return None, "with a new openrouter_user_id: another user has the old one"


def _changed_at(row: LegacyRow, now_ms: int) -> int:
    for name in ("updated_at", "created_at"):
        try:
            return instant_ms(row.get(name), now_ms=now_ms, field=name)
        except BadInput:
            continue
    return 0
