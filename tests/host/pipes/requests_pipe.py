"""
title: A pipe on requests
"""

import requests
from pydantic import BaseModel


class Pipe:
    class Valves(BaseModel):
        base_url: str = ""
        key: str = ""
        model: str = ""

    def __init__(self) -> None:
        self.valves = self.Valves()

    def pipe(self, body: dict) -> str:
        answer = requests.post(
            self.valves.base_url + "/chat/completions",
            json={"model": self.valves.model, "messages": body["messages"]},
            headers={"Authorization": f"Bearer {self.valves.key}"},
            timeout=30,
        )
        told = answer.json()
        if not answer.ok:
            return told["error"]["message"]
        return told["choices"][0]["message"]["content"]
