"""
title: A pipe on httpx, streamed
"""

import json
from collections.abc import AsyncIterator

import httpx
from pydantic import BaseModel


class Pipe:
    class Valves(BaseModel):
        base_url: str = ""
        key: str = ""
        model: str = ""

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def pipe(self, body: dict) -> AsyncIterator[str]:
        question = {"model": self.valves.model, "messages": body["messages"], "stream": True}
        headers = {"Authorization": f"Bearer {self.valves.key}"}
        url = self.valves.base_url + "/chat/completions"
        async with (
            httpx.AsyncClient(timeout=30) as client,
            client.stream("POST", url, json=question, headers=headers) as answer,
        ):
            if answer.is_error:
                await answer.aread()
                yield answer.json()["error"]["message"]
                return
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    for choice in json.loads(line.removeprefix("data: "))["choices"]:
                        yield choice["delta"].get("content") or ""
