"""What is asked of an export."""

from pydantic import BaseModel, Field

from mai_usage_ext.services.exports import REPORTS, ExportRequest
from mai_usage_ext.services.usage_ranges import RangeText

__all__ = ["ClientExportIn", "ExportIn"]

_DAY = "A day of the organization's zone"


class ExportIn(BaseModel):
    """Query parameters. Without days it is the month so far."""

    report: str | None = Field(
        default=None,
        max_length=40,
        description=f"One of {', '.join(REPORTS)}; daily where nothing is said",
    )
    group_by: str | None = Field(
        default=None,
        max_length=40,
        description="In place of a report: day, week, month, user, model, provider or purpose, or "
        "two of them with a comma between",
    )
    format: str = Field(
        default="csv", max_length=40, description="csv, json, jsonl, xlsx or parquet"
    )
    since: str | None = Field(default=None, alias="from", max_length=10, description=_DAY)
    until: str | None = Field(default=None, alias="to", max_length=10, description=_DAY)
    start_date: str | None = Field(default=None, max_length=10, description="The same as from")
    end_date: str | None = Field(default=None, max_length=10, description="The same as to")
    days_back: int | None = Field(
        default=None, description="How many days that end with the last one, in place of from"
    )
    bom: bool = Field(default=False, description="A byte order mark in front of CSV, for Excel")
    delimiter: str = Field(default="comma", max_length=40, description="Of CSV: comma or semicolon")

    def request(
        self, *, is_admin: bool, organization_id: str | None, user_id: str | None = None
    ) -> ExportRequest:
        return ExportRequest(
            is_admin=is_admin,
            report=self.report,
            group_by=self.group_by,
            format=self.format,
            days=RangeText(
                since=self.since,
                until=self.until,
                start_date=self.start_date,
                end_date=self.end_date,
                days_back=self.days_back,
            ),
            organization_id=organization_id,
            user_id=user_id,
            has_bom=self.bom,
            delimiter=self.delimiter,
        )


class ClientExportIn(ExportIn):
    client_id: str | None = Field(
        default=None,
        max_length=200,
        description="An organization; all of them where it is left out",
    )
