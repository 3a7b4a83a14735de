"""Organizations' OpenRouter keys on the wire: everything of them but the key."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from mai_usage_ext.api.schemas.clients import KeyOut
from mai_usage_ext.api.schemas.values import Answer, Fields, Instant, instant
from mai_usage_ext.ports import OrganizationQuery, OrganizationRecord
from mai_usage_ext.services.key_check import KeyReport

__all__ = ["KeyAnswer", "KeyIn", "KeyReportAnswer", "KeysOut"]


class KeyIn(Fields):
    """``PUT clients/{client_id}/key``. It goes in and never comes out again."""

    key: str = Field(
        min_length=1, max_length=500, json_schema_extra={"writeOnly": True, "format": "password"}
    )


class KeyAnswer(Answer):
    client_id: str
    key: KeyOut

    @classmethod
    def of(cls, record: OrganizationRecord, message: str = "") -> "KeyAnswer":
        return cls(message=message, client_id=record.id, key=KeyOut.of(record.key))


class FindingOut(BaseModel):
    """What the check found about one organization's key, in a word and a sentence."""

    client_id: str
    kind: str
    detail: str


class UnknownKeyOut(BaseModel):
    """A key at OpenRouter with a name as ours have, of no organization here."""

    hash: str
    name: str
    label: str | None


class KeyReportOut(BaseModel):
    """``problem`` says why a check ended early, or was not run."""

    at: Instant
    was_run: bool
    problem: str | None
    checked: int
    findings: list[FindingOut]
    unknown: list[UnknownKeyOut]

    @classmethod
    def of(cls, report: KeyReport) -> "KeyReportOut":
        unset = None if report.was_run else "OPENROUTER_PROVISIONING_KEY is not set"
        return cls(
            at=instant(report.at_ms),
            was_run=report.was_run,
            problem=report.problem or unset,
            checked=report.checked,
            findings=[
                FindingOut(client_id=each.organization_id, kind=each.kind, detail=each.detail)
                for each in report.findings
            ],
            unknown=[
                UnknownKeyOut(hash=each.hash, name=each.name, label=each.label)
                for each in report.unknown
            ],
        )


class KeyReportAnswer(Answer):
    report: KeyReportOut

    @classmethod
    def of(cls, report: KeyReport) -> "KeyReportAnswer":
        shown = KeyReportOut.of(report)
        message = shown.problem or f"{report.checked} keys were compared."
        return cls(success=shown.problem is None, message=message, report=shown)


class ClientKeyOut(BaseModel):
    client_id: str
    client_name: str
    key: KeyOut


class KeysOut(Answer):
    """One page of keys, by organization, and what the last check of this process found."""

    keys: list[ClientKeyOut]
    total: int
    offset: int
    limit: int
    last_check: KeyReportOut | None

    @classmethod
    def of(
        cls,
        records: Sequence[OrganizationRecord],
        total: int,
        wanted: OrganizationQuery,
        last: KeyReport | None,
    ) -> "KeysOut":
        return cls(
            keys=[
                ClientKeyOut(client_id=each.id, client_name=each.name, key=KeyOut.of(each.key))
                for each in records
            ],
            total=total,
            offset=wanted.offset,
            limit=wanted.limit,
            last_check=None if last is None else KeyReportOut.of(last),
        )
