"""Records calls with ``openwebui-token-tracking``; run by ``bench_tracking`` in its environment.

    python token_tracking.py DATABASE_URL

Each line of standard input, ``{"calls": N, "checked": BOOL}``, is answered with the seconds that it
took. ``checked`` asks first, as that library's pipes do, whether the user may.
"""

import json
import sys
import time
from typing import Any

import sqlalchemy as sa
from openwebui_token_tracking import TokenTracker
from openwebui_token_tracking.db import BaseSetting, ModelPricing, init_db, migrate_database
from sqlalchemy.orm import Session

MODELS, USERS = 8, 50


def prepared(url: str) -> Any:
    """The library's tracker on its own tables, which refer to the host's table of users."""
    engine = init_db(url)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = wal")
        connection.execute(sa.text('CREATE TABLE "user" (id VARCHAR(255) PRIMARY KEY)'))
    migrate_database(url)
    credit = {"input_cost_credits": 1, "output_cost_credits": 1}
    per = {"per_input_tokens": 1_000_000, "per_output_tokens": 1_000_000}
    with Session(engine) as session:
        session.add(BaseSetting(setting_key="base_credit_allowance", setting_value="1000000000"))
        for n in range(MODELS):
            model = f"acme/model-{n}"
            session.add(ModelPricing(provider="Acme", id=model, name=model, **credit, **per))
        session.commit()
    return TokenTracker(url)


def record(tracker: Any, calls: int, *, checked: bool) -> float:
    started = time.perf_counter()
    for n in range(calls):
        user, model = {"id": f"user-{n % USERS}"}, f"acme/model-{n % MODELS}"
        if checked and tracker.is_paid(model):
            tracker.remaining_credits(user)
        tracker.log_token_usage("Acme", model, user, 8174, 30)
    return time.perf_counter() - started


def main() -> None:
    tracker = prepared(sys.argv[1])
    for line in sys.stdin:
        print(record(tracker, **json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
