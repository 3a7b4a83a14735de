"""What one commit of the writer means to whoever counts."""

from collections.abc import Sequence

from mai_usage_ext.ports import Verdict
from mai_usage_ext.ports.vitals import CommitFacts
from mai_usage_ext.storage.changes import Change, Place, Settle
from mai_usage_ext.storage.folding import Result

__all__ = ["facts_of"]


def facts_of(group: Sequence[Change], results: Sequence[Result], *, seconds: float) -> CommitFacts:
    pairs = list(zip(group, results, strict=True))
    verdicts = [
        result
        for change, result in pairs
        if isinstance(change, Place) and isinstance(result, Verdict)
    ]
    placed = sum(verdict.granted_pusd is not None for verdict in verdicts)
    return CommitFacts(
        seconds=seconds,
        changes=len(group),
        placed=placed,
        refused=len(verdicts) - placed,
        # A replay was in the ledger already.
        entries=[change.entry for change, new in pairs if isinstance(change, Settle) and new],
    )
