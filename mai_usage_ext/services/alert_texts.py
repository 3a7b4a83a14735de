"""What an alert says to a person, in a line, in an e-mail, and in the host."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mai_usage_ext.metering.money import usd_from_pusd
from mai_usage_ext.ports.alerts import Alert, Severity

__all__ = ["AlertLine", "Letter", "letter_of"]

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert and the name of its organization."""

    alert: Alert
    organization: str

    @property
    def sentence(self) -> str:
        return f"{self._name}: {_told(self.alert)}"

    @property
    def details(self) -> str:
        alert = self.alert
        at = datetime.fromtimestamp(alert.at_ms / 1000, UTC)
        period = f", {alert.period}" if alert.period else ""
        return f"{alert.severity.value}, {at:%Y-%m-%d %H:%M} UTC{period}, alert {alert.id}"

    @property
    def _name(self) -> str:
        # A name is the customer's own text: nothing of it may look like more than a name.
        text = " ".join(self.organization.split())
        return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """``subject`` is one printable line; ``text`` and ``html`` say the same."""

    subject: str
    text: str
    html: str


def letter_of(lines: Sequence[AlertLine]) -> Letter:
    """One letter about one alert or several."""
    first = lines[0]
    more = len(lines) - 1
    title = first.sentence if not more else f"{len(lines)} alerts, first {first.sentence}"
    is_critical = any(line.alert.severity is Severity.CRITICAL for line in lines)
    subject = f"[mAI Usage{' critical' if is_critical else ''}] {title}"
    parts = [f"{line.sentence}.\n({line.details})" for line in lines]
    items = "".join(
        f"<li><strong>{html.escape(line.sentence)}.</strong><br>"
        f"<small>{html.escape(line.details)}</small></li>"
        for line in lines
    )
    return Letter(
        subject="".join(c if c.isprintable() else " " for c in subject),
        text="\n\n".join(parts) + "\n",
        html=f"<!doctype html><html><body><ul>{items}</ul></body></html>\n",
    )


def _told(alert: Alert) -> str:
    whose = f" of the user {alert.user_id}" if alert.user_id else ""
    spent, limit = usd_from_pusd(alert.spent_pusd), usd_from_pusd(alert.limit_pusd)
    facts = alert.facts
    match alert.kind:
        case "limit.threshold_crossed":
            return f"{alert.percent} % of the limit{whose} is spent ({spent} of {limit} USD)"
        case "limit.reached":
            return f"the limit{whose} of {limit} USD has refused a call ({spent} USD are spent)"
        case "spend.crossed":
            return f"the spending{whose} in {alert.period} has passed {limit} USD (now {spent})"
        case "usage.spike":
            return f"the spending{whose} on {alert.period} is {spent} USD, the usual is {limit}"
        case "usage.quiet":
            return f"no usage{whose} since {facts.get('last_day', '')}"
        case "capture.below":
            return (
                f"on {facts.get('day') or alert.period} the meter captured {spent} of the {limit} "
                "USD that OpenRouter billed for a key"
            )
        case "pending.old":
            return (
                f"{facts.get('calls', 0)} calls are not settled, the oldest for "
                f"{facts.get('oldest_hours', 0)} hours"
            )
        case "key.trouble":
            return f"the key needs somebody: {facts.get('problem', '')}"
    return alert.kind
