"""The keys that calls of this process were made with: in memory only, never stored or logged."""

__all__ = ["CallKeys"]


class CallKeys:
    """A call's key for as long as the call may still have to be asked about with it.

    Holds are named by their id. Above ``most`` the oldest key goes; the host's or the management
    key asks instead.
    """

    def __init__(self, *, most: int = 10_000) -> None:
        self._keys: dict[str, str] = {}
        self._most = most

    def remember(self, hold_id: str, key: str) -> None:
        while len(self._keys) >= self._most:
            # Another thread may have forgotten the same one meanwhile.
            self._keys.pop(next(iter(self._keys)), None)
        self._keys[hold_id] = key

    def forget(self, hold_id: str) -> None:
        self._keys.pop(hold_id, None)

    def of(self, hold_id: str) -> str | None:
        return self._keys.get(hold_id)

    def __len__(self) -> int:
        return len(self._keys)
