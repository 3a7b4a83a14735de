"""Many members at once: from a list or a CSV file, tried out first or written."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mai_usage_ext.errors import BadInput, Conflict
from mai_usage_ext.ports import Actor, Clock, HostUsers, MemberStore, UnitOfWork
from mai_usage_ext.services import member_fields as fields
from mai_usage_ext.services.assignment_table import COLUMNS, Row, check_count, read_table
from mai_usage_ext.services.audit import Audit
from mai_usage_ext.services.destinations import Destinations
from mai_usage_ext.services.stretches import Step, Wish, carry_out, next_step

__all__ = ["Assignments", "BulkResult", "FieldProblem", "Row", "RowResult"]

ERROR = "error"
_A_USER = "a user that the host knows"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What one row comes to. ``number`` counts from 1, a header and empty lines left out.

    ``status`` is ``created``, ``moved``, ``changed``, ``unchanged`` or ``error``.
    """

    number: int
    user_id: str | None
    status: str
    errors: Sequence[FieldProblem] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """``is_written`` says whether the good rows hold now; otherwise they would have."""

    rows: Sequence[RowResult]
    is_dry_run: bool
    is_written: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each status."""
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.status] = found.get(row.status, 0) + 1
        return found


@dataclass(slots=True)
class _Draft:
    """One row on its way: what it wants, and what is wrong with it."""

    number: int
    row: Row
    user_id: str | None = None
    wish: Wish = Wish()  # noqa: RUF009 - it is frozen
    step: Step | None = None
    problems: list[FieldProblem] = field(default_factory=list)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what is wrong, and go on with the rest of the row."""
        try:
            yield
        except (BadInput, Conflict) as error:
            self.note(error.field, str(error))

    def note(self, name: str, message: str) -> None:
        self.problems.append(FieldProblem(name, message))

    @property
    def has_name(self) -> bool:
        """Whether it names its organization with something that a database can look for."""
        name = self.row.get("client_org_id")
        return isinstance(name, str) and name.isprintable()

    @property
    def result(self) -> RowResult:
        status = ERROR if self.problems or self.step is None else self.step.status.value
        return RowResult(
            number=self.number, user_id=self.user_id, status=status, errors=tuple(self.problems)
        )


class Assignments:
    def __init__(
        self,
        *,
        store: MemberStore,
        destinations: Destinations,
        users: HostUsers,
        audit: Audit,
        unit_of_work: UnitOfWork,
        clock: Clock,
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._users = users
        self._audit = audit
        self._unit_of_work = unit_of_work
        self._clock = clock

    def run(
        self, rows: Sequence[Row] | str, *, dry_run: bool, partial: bool = False, actor: Actor
    ) -> BulkResult:
        """Judge every row, and write them unless ``dry_run``: all or nothing, or with ``partial``
        those that are good.

        A row has ``user_id`` or ``email``, ``client_org_id`` (an id or a slug), and may have
        ``role``, ``monthly_limit`` (USD; ``None``, in CSV ``none``, is no limit) and
        ``effective_from``. Raises ``BadInput`` where the whole cannot be read.
        """
        table = read_table(rows) if isinstance(rows, str) else list(rows)
        check_count(len(table))
        for row in table:
            if not isinstance(row, Mapping):
                raise BadInput("rows", got=row, expected=f"objects of {', '.join(COLUMNS)}")
        drafts = [_Draft(number, row) for number, row in enumerate(table, start=1)]
        # The host and the organizations are asked before anything is locked.
        self._find_users(drafts)
        self._parse(drafts)
        if dry_run:
            self._judge(drafts)
            is_written = False
        else:
            with self._unit_of_work():
                self._store.lock()
                self._judge(drafts)
                is_written = self._write(drafts, partial=partial, actor=actor)
        return BulkResult(
            rows=[draft.result for draft in drafts], is_dry_run=dry_run, is_written=is_written
        )

    def _find_users(self, drafts: Sequence[_Draft]) -> None:
        emails: dict[str, str | None] = {}
        for draft in drafts:
            with draft.noting():
                self._read_user(draft, emails)
        asked = sorted({draft.user_id for draft in drafts if draft.user_id is not None})
        known = self._users.known(asked) if asked else {}
        seen: set[str] = set()
        for draft in drafts:
            if draft.user_id is None:
                continue
            if draft.user_id not in known:
                problem = BadInput("user_id", got=draft.user_id, expected=_A_USER)
                draft.note("user_id", str(problem))
            elif draft.user_id in seen:
                draft.note("user_id", f"the user {draft.user_id!r} has a row above already")
            seen.add(draft.user_id)

    def _read_user(self, draft: _Draft, emails: dict[str, str | None]) -> None:
        user_id, email = draft.row.get("user_id"), draft.row.get("email")
        if user_id is not None:
            draft.user_id = fields.name_of(user_id, field="user_id", expected=_A_USER)
        elif email is None:
            raise BadInput("user_id", got=None, expected="a user_id or an email")
        if email is None:
            return
        expected = "the e-mail of a user that the host knows"
        address = fields.name_of(email, field="email", expected=expected).lower()
        if address not in emails:
            found = self._users.find_by_email(address) if "@" in address else None
            emails[address] = None if found is None else found.id
        if emails[address] is None:
            raise BadInput("email", got=email, expected=expected)
        if user_id is not None and emails[address] != user_id:
            raise BadInput("email", got=email, expected="the e-mail of this user_id")
        draft.user_id = emails[address]

    def _parse(self, drafts: Sequence[_Draft]) -> None:
        names = {draft.row.get("client_org_id") for draft in drafts if draft.has_name}
        ids = self._store.organizations_named([str(name) for name in names])
        checked: dict[str, str | BadInput] = {}
        for draft in drafts:
            for column, value in draft.row.items():
                if column not in COLUMNS:
                    expected = f"only {', '.join(COLUMNS)}"
                    problem = BadInput(str(column)[:80], got=value, expected=expected)
                    draft.note(problem.field, str(problem))
            with draft.noting():
                self._parse_destination(draft, ids, checked)
            self._parse_rest(draft)

    def _parse_destination(
        self, draft: _Draft, ids: Mapping[str, str], checked: dict[str, str | BadInput]
    ) -> None:
        """A file names few organizations in many rows: each is looked up once."""
        wanted = draft.row.get("client_org_id")
        if not draft.has_name:
            self._destinations.check(wanted)
        name = str(wanted)
        if name not in checked:
            try:
                checked[name] = self._destinations.check(ids.get(name, name))
            except BadInput as error:
                checked[name] = error
        found = checked[name]
        if isinstance(found, BadInput):
            draft.note(found.field, str(found))
        else:
            draft.wish = replace(draft.wish, organization_id=found)

    def _parse_rest(self, draft: _Draft) -> None:
        row = draft.row
        with draft.noting():
            if "role" in row:
                draft.wish = replace(draft.wish, role=fields.role(row["role"]))
        with draft.noting():
            if "monthly_limit" in row:
                limit = fields.monthly_limit_pusd(row["monthly_limit"])
                draft.wish = replace(draft.wish, monthly_limit_pusd=limit)
        with draft.noting():
            start = fields.start_ms(row.get("effective_from"), now_ms=self._clock.now_ms())
            draft.wish = replace(draft.wish, effective_from_ms=start)

    def _judge(self, drafts: Sequence[_Draft]) -> None:
        """What each row would do to the histories as they are now."""
        good = {draft.user_id: draft for draft in drafts if draft.user_id and not draft.problems}
        histories = self._store.histories([user_id for user_id in good if user_id])
        now_ms = self._clock.now_ms()
        for user_id, draft in good.items():
            if user_id is not None:
                history = histories.get(user_id, ())
                with draft.noting():
                    draft.step = next_step(user_id, draft.wish, history=history, now_ms=now_ms)

    def _write(self, drafts: Sequence[_Draft], *, partial: bool, actor: Actor) -> bool:
        if not partial and any(draft.problems for draft in drafts):
            return False
        steps = [draft.step for draft in drafts if draft.step is not None]
        carry_out(steps, self._store)
        # The trail comes last, because it makes every other change wait.
        for step in steps:
            if step.action is not None:
                self._audit.record(
                    actor=actor,
                    action=step.action,
                    target_kind="user",
                    target_id=step.member.user_id,
                    before=step.before,
                    after=step.after,
                )
        return True
