"""After a call: what its answer said becomes a ledger entry, or a hold that waits for one."""

from concurrent.futures import Future

from mai_usage_ext.guard import tally
from mai_usage_ext.metering.answers import Answer, Ending
from mai_usage_ext.ports import Clock, Hold, HoldState, Ledger, Outcome, Source
from mai_usage_ext.ports.tracing import UNTRACED, CallEnd, CallOutcome, CallTrace
from mai_usage_ext.services.backoff import first_attempt_ms
from mai_usage_ext.services.call_keys import CallKeys
from mai_usage_ext.services.entries import Timing, entry_of

__all__ = ["Recording"]

_OUTCOMES = {
    Ending.COMPLETE: Outcome.COMPLETED,
    Ending.FAILED: Outcome.FAILED,
    Ending.INTERRUPTED: Outcome.CANCELLED,
}


class Recording:
    """Decides what an answer means for its hold, and hands it to the ledger at once."""

    def __init__(self, ledger: Ledger, *, call_keys: CallKeys, clock: Clock) -> None:
        self._ledger = ledger
        self._call_keys = call_keys
        self._clock = clock

    def identified(self, hold: Hold, generation_id: str) -> None:
        """Keep the generation's id the moment it is seen: a crash after this loses nothing."""
        self._ledger.identify(hold, generation_id)

    def ended(
        self,
        hold: Hold,
        answer: Answer,
        *,
        source: Source,
        timing: Timing,
        status: int,
        trace: CallTrace = UNTRACED,
    ) -> "Future[bool] | Future[None]":
        """One answer is over. The future resolves with the commit; ``trace`` ends at once.

        A cost goes to the ledger. An error answer without an id was not billed. All else keeps its
        hold: with an id ``/generation`` is asked, without one the day's reconciliation finds it.
        """
        if answer.usage is not None:
            self._call_keys.forget(hold.id)
            entry = entry_of(
                hold,
                generation_id=answer.generation_id,
                model=answer.model,
                provider=answer.provider,
                usage=answer.usage,
                outcome=_OUTCOMES[answer.ending],
                source=source,
                timing=timing,
                booked_at_ms=self._clock.now_ms(),
            )
            trace.ended(
                CallEnd(
                    outcome=CallOutcome(entry.outcome.value),
                    error=_error_of(answer, status),
                    state=HoldState.SETTLED,
                    entry=entry,
                    generation_id=answer.generation_id,
                    is_stream=source is Source.STREAM,
                    first_byte_ms=timing.first_byte_ms,
                )
            )
            return self._ledger.settle(hold, entry)
        if status >= 400 and answer.generation_id is None:
            reason = f"upstream answered {status}"
            return self.not_billed(hold, reason=reason, error=str(status), trace=trace)
        trace.ended(
            CallEnd(
                outcome=CallOutcome(_OUTCOMES[answer.ending].value),
                error=_error_of(answer, status),
                state=_state_without_usage(answer),
                generation_id=answer.generation_id,
                is_stream=source is Source.STREAM,
                first_byte_ms=timing.first_byte_ms,
            )
        )
        return self._unsettled(hold, answer, timing)

    def not_billed(
        self, hold: Hold, *, reason: str, error: str | None = None, trace: CallTrace = UNTRACED
    ) -> "Future[None]":
        """The call never reached a model: nothing was billed upstream. ``error`` is what kept it
        from there, in a word."""
        trace.ended(CallEnd(outcome=CallOutcome.NOT_BILLED, error=error, state=HoldState.VOID))
        tally.add("calls not billed")
        self._call_keys.forget(hold.id)
        return self._ledger.void(hold, reason=reason)

    def lost(self, hold: Hold, *, reason: str, trace: CallTrace = UNTRACED) -> "Future[None]":
        """The call died before anything of its answer was seen; it may have been billed."""
        trace.ended(CallEnd(outcome=CallOutcome.LOST, error=reason, state=HoldState.UNIDENTIFIED))
        self._call_keys.forget(hold.id)
        tally.warn("calls unidentified", f"a call ended before its generation was known: {reason}")
        return self._ledger.defer(
            hold,
            state=HoldState.UNIDENTIFIED,
            outcome=Outcome.CANCELLED,
            generation_id=None,
            reason=reason,
        )

    def _unsettled(self, hold: Hold, answer: Answer, timing: Timing) -> "Future[None]":
        reason = answer.problem or "no usage"
        identified = answer.generation_id is not None
        # A stop button is everyday; an answer that ended well and yet has no price is not.
        if answer.ending is Ending.INTERRUPTED and identified:
            tally.add("calls interrupted")
        else:
            tally.warn("answers without usable usage", f"an answer cannot be booked yet: {reason}")
        return self._ledger.defer(
            hold,
            state=_state_without_usage(answer),
            outcome=_OUTCOMES[answer.ending],
            generation_id=answer.generation_id,
            reason=reason,
            next_attempt_ms=first_attempt_ms(self._clock.now_ms()) if identified else None,
            first_byte_ms=timing.first_byte_ms,
            duration_ms=timing.duration_ms,
        )


def _state_without_usage(answer: Answer) -> HoldState:
    return HoldState.UNIDENTIFIED if answer.generation_id is None else HoldState.PENDING


def _error_of(answer: Answer, status: int) -> str | None:
    """An error in a word; a reader who goes away makes none."""
    if answer.ending is not Ending.FAILED:
        return None
    return str(status) if status >= 400 else "error_in_answer"
