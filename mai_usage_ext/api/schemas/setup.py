"""The first steps of an installation, on the wire."""

from collections.abc import Sequence

from pydantic import BaseModel

from mai_usage_ext.api.schemas.values import Answer
from mai_usage_ext.services.setup import SetupStep, StepName, StepState

__all__ = ["SetupOut"]


class SetupStepOut(BaseModel):
    """``detail`` is a sentence about what was found."""

    step: StepName
    state: StepState
    detail: str


class SetupOut(Answer):
    """Always the same steps, in the order they are made."""

    is_complete: bool
    steps: list[SetupStepOut]

    @classmethod
    def of(cls, steps: Sequence[SetupStep]) -> "SetupOut":
        return cls(
            is_complete=all(one.state is StepState.DONE for one in steps),
            steps=[
                SetupStepOut(step=one.step, state=one.state, detail=one.detail) for one in steps
            ],
        )
