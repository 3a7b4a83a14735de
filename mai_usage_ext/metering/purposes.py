"""What a call is for, and which purposes are background tasks."""

__all__ = ["TASKS", "is_task"]

TASKS = frozenset({"title", "tags", "follow_up", "query", "image_prompt", "autocomplete", "emoji"})
"""Titles, tags and the like, which the host asks for by itself: nobody waits for them."""


def is_task(purpose: str) -> bool:
    return purpose in TASKS
