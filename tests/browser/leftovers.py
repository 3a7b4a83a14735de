"""What a page still holds: timers, streams, observers, listeners, nodes and elements of ours."""

from __future__ import annotations

from typing import Any

from playwright.async_api import CDPSession, Page

# Counts what is started and not ended; runs in the page before anything else. Only timers of some
# seconds are counted: a page that does nothing has shorter ones all the time.
COUNT = """(() => {
  const living = (window.__living = { timers: new Set(), observers: 0, streams: 0 });
  const { setInterval: every, clearInterval: endEvery } = window;
  const { setTimeout: once, clearTimeout: endOnce } = window;
  window.setInterval = (...args) => {
    const id = every(...args);
    living.timers.add(id);
    return id;
  };
  window.clearInterval = (id) => {
    living.timers.delete(id);
    endEvery(id);
  };
  window.setTimeout = (work, delay, ...args) => {
    const id = once(() => {
      living.timers.delete(id);
      work(...args);
    }, delay);
    if (delay >= 10_000) living.timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => {
    living.timers.delete(id);
    endOnce(id);
  };
  const Observer = window.MutationObserver;
  window.MutationObserver = class extends Observer {
    observe(...args) {
      if (!this.on) living.observers += 1;
      this.on = true;
      super.observe(...args);
    }
    disconnect() {
      if (this.on) living.observers -= 1;
      this.on = false;
      super.disconnect();
    }
  };
  const ask = window.fetch;
  window.fetch = async (...args) => {
    const response = await ask(...args);
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith('text/event-stream')) return response;
    living.streams += 1;
    const end = () => (living.streams -= 1);
    args[1]?.signal?.addEventListener('abort', end, { once: true });
    return response;
  };
})()"""


async def living(page: Page, session: CDPSession) -> dict[str, Any]:
    """What is there after everything that nobody holds has gone."""
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
        await page.wait_for_timeout(200)
    counters = await session.send("Memory.getDOMCounters")
    counted = await page.evaluate(
        "(({ timers, observers, streams }) => ({ timers: timers.size, observers, streams }))"
        "(window.__living)"
    )
    return {
        "listeners": counters["jsEventListeners"],
        "nodes": counters["nodes"],
        "elements": await _held(session, "customElements.get('mai-organization-usage')"),
        **counted,
    }


async def _held(session: CDPSession, of_class: str) -> int:
    """How many objects of a class are still in the heap."""
    group = {"objectGroup": "counted"}
    prototype = await session.send(
        "Runtime.evaluate", {"expression": f"{of_class}.prototype", **group}
    )
    found = await session.send(
        "Runtime.queryObjects", {"prototypeObjectId": prototype["result"]["objectId"], **group}
    )
    counted = await session.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found["objects"]["objectId"],
            "functionDeclaration": "function () { return this.length; }",
        },
    )
    await session.send("Runtime.releaseObjectGroup", group)
    return int(counted["result"]["value"])
