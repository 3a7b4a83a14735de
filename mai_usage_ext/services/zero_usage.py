"""Why a page shows nothing, for the one who looks at it and wonders."""

from collections.abc import Callable, Sequence

from mai_usage_ext.guard import tally
from mai_usage_ext.services.meter_counts import ProcessFigures
from mai_usage_ext.services.reports import OrganizationReport

__all__ = ["ZeroUsage"]


class ZeroUsage:
    """``figures`` are those of this process; ``base_urls`` are the addresses that are metered."""

    def __init__(self, figures: Callable[[], ProcessFigures], *, base_urls: Sequence[str]) -> None:
        self._figures = figures
        self._base_urls = base_urls

    def hint(self, report: OrganizationReport, *, is_admin: bool) -> str | None:
        """A sentence for a month without any usage, ``None`` for every other.

        Only an admin is told addresses, and what others do.
        """
        if report.month.totals.requests > 0:
            return None
        if report.today.unsettled > 0:
            return (
                f"{report.today.unsettled} calls of today are under way or have no final cost yet; "
                "they appear here within minutes."
            )
        if tally["calls unmetered"] > 0:
            return self._told(
                "Some calls went out unmetered while the meter was not working.",
                "GET health says what was wrong; set MAI_USAGE_ON_START_FAILURE=block to refuse "
                "such calls instead.",
                is_admin=is_admin,
            )
        if self._figures().holds_placed == 0:
            return self._told(
                "This server has metered no call since it was started.",
                f"Metered are calls to {', '.join(self._base_urls)} (OPENROUTER_BASE_URL): one of "
                "the host's connections has to have just this address. POST debug/self-test shows "
                "where a call is lost.",
                is_admin=is_admin,
            )
        if is_admin:
            return (
                "Calls are being metered, none of them of this organization this month. GET "
                "user-mappings says who belongs to it."
            )
        return None

    def _told(self, sentence: str, advice: str, *, is_admin: bool) -> str:
        return f"{sentence} {advice if is_admin else 'Your administrator can find out why.'}"
