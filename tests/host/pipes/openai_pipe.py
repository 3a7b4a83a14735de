"""
title: A pipe on the openai package
"""

import openai
from pydantic import BaseModel


class Pipe:
    class Valves(BaseModel):
        base_url: str = ""
        key: str = ""
        model: str = ""

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def pipe(self, body: dict) -> str:
        valves = self.valves
        async with openai.AsyncOpenAI(base_url=valves.base_url, api_key=valves.key) as client:
            try:
                answer = await client.chat.completions.create(
                    model=valves.model, messages=body["messages"]
                )
            except openai.APIStatusError as error:
                return error.response.json()["error"]["message"]
        return answer.choices[0].message.content
