"""The golden year added up by DuckDB, from the provider's bill and five facts about the resellers.

    python tests/golden/sums.py FOLDER [organization|day|week|month|user|model|provider|purpose …]

It shares nothing with what it judges: no code, no table, no library but DuckDB. ``FOLDER`` holds
JSON lines:

* ``bill.jsonl``: the provider's own account, as the simulator writes it.
* ``calls.jsonl``: what each call on it was for, how long it took, ``told_at``, since when the
  reseller knows its cost, and ``found``: ``at_once``, ``later`` (its generation was asked for),
  ``reconciled``, or ``foreign`` (nobody of ours made it).
* ``organizations.jsonl``: id, time zone, currency, and the hash of the key its calls carry.
* ``people.jsonl``: how the provider calls our users.
* ``prices.jsonl``: rate and fee of each organization, from an instant on, for a pattern of models.

The rules, in words. A call belongs to the organization whose key it carries, and to the day on
which it began in that organization's zone. What a reconciliation finds has no provider, no cached
tokens and no times, its purpose is ``reconciliation``; what is foreign besides belongs to nobody,
on the UTC day. Billed is raw × rate, rounded half-even to a picodollar, plus fee, for each call by
itself; among the prices that hold when the call begins the one decides whose pattern spells out
most, then the latest.
"""

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

DIMENSIONS = ("organization", "day", "week", "month", "user", "model", "provider", "purpose")


class Sums(NamedTuple):
    """Money is USD, times are milliseconds."""

    requests: int
    failures: int
    cancelled: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    raw: Decimal
    billed: Decimal
    first_byte_ms_sum: int
    first_byte_count: int
    duration_ms_sum: int
    task_requests: int
    task_billed: Decimal


_TABLES = """
CREATE TABLE bill AS
SELECT generation_id, key_hash, "user" AS called, model_asked, model_answered, provider,
       tokens.prompt AS prompt, tokens.completion AS completion,
       tokens.cached AS cached, tokens.reasoning AS reasoning,
       CAST(spend AS DECIMAL(38, 12)) AS raw, cancelled, failed IS NOT NULL AS failed,
       CAST(created_at AS TIMESTAMPTZ) AS created_at
FROM read_json($folder || '/bill.jsonl', format = 'newline_delimited', columns = {
    generation_id: 'VARCHAR', key_hash: 'VARCHAR', "user": 'VARCHAR', model_asked: 'VARCHAR',
    model_answered: 'VARCHAR', provider: 'VARCHAR',
    tokens: 'STRUCT(prompt BIGINT, completion BIGINT, cached BIGINT, reasoning BIGINT)',
    spend: 'VARCHAR', cancelled: 'BOOLEAN', failed: 'BIGINT', created_at: 'VARCHAR'});

CREATE TABLE calls AS
SELECT * REPLACE (CAST(told_at AS TIMESTAMPTZ) AS told_at)
FROM read_json($folder || '/calls.jsonl', format = 'newline_delimited', columns = {
    generation_id: 'VARCHAR', purpose: 'VARCHAR', found: 'VARCHAR',
    first_byte_ms: 'BIGINT', duration_ms: 'BIGINT', told_at: 'VARCHAR'});

CREATE TABLE organizations AS
SELECT * FROM read_json($folder || '/organizations.jsonl', format = 'newline_delimited',
    columns = {id: 'VARCHAR', key_hash: 'VARCHAR', time_zone: 'VARCHAR', currency: 'VARCHAR'});

CREATE TABLE people AS
SELECT * FROM read_json($folder || '/people.jsonl', format = 'newline_delimited',
    columns = {called: 'VARCHAR', "user": 'VARCHAR'});

CREATE TABLE prices AS
SELECT organization, model_pattern, CAST(since AS TIMESTAMPTZ) AS since,
       CAST(rate AS DECIMAL(10, 6)) AS rate, CAST(fee AS DECIMAL(38, 12)) AS fee
FROM read_json($folder || '/prices.jsonl', format = 'newline_delimited', columns = {
    organization: 'VARCHAR', model_pattern: 'VARCHAR', since: 'VARCHAR',
    rate: 'VARCHAR', fee: 'VARCHAR'});
"""

_ENTRIES = """
CREATE TABLE entries AS
WITH placed AS (
    SELECT bill.*, calls.*, organizations.id AS organization,
           found IN ('reconciled', 'foreign') AS adjusts,
           CAST(timezone(CASE found WHEN 'foreign' THEN 'UTC' ELSE time_zone END, created_at)
                AS DATE) AS day,
           -- What is foreign is priced as the UTC day begins.
           CASE found WHEN 'foreign' THEN date_trunc('day', timezone('UTC', created_at))
                ELSE timezone('UTC', created_at) END AS priced_at
    FROM bill JOIN calls USING (generation_id) JOIN organizations USING (key_hash)
), priced AS (
    SELECT placed.*, rate, fee, row_number() OVER (
        PARTITION BY generation_id
        ORDER BY length(replace(coalesce(model_pattern, ''), '*', '')) DESC, since DESC) AS place
    FROM placed JOIN prices ON prices.organization = placed.organization
        AND timezone('UTC', prices.since) <= placed.priced_at
        AND placed.model_asked GLOB coalesce(prices.model_pattern, '*')
), exact AS (
    -- Six decimals of a rate on twelve of an amount: nothing is lost before it is rounded.
    SELECT *, CAST(raw * rate AS DECIMAL(38, 18)) AS product,
           CAST(0.000000000001 AS DECIMAL(38, 18)) AS one
    FROM priced WHERE place = 1
), halved AS (
    SELECT *, product % one AS rest, product - product % one AS below FROM exact
)
SELECT organization, day, strftime(day, '%G-W%V') AS week, strftime(day, '%Y-%m') AS month,
       CASE found WHEN 'foreign' THEN '' ELSE people."user" END AS "user",
       model_answered AS model,
       CASE WHEN adjusts THEN '' ELSE halved.provider END AS provider,
       CASE WHEN adjusts THEN 'reconciliation' ELSE halved.purpose END AS purpose,
       failed, cancelled, prompt, completion,
       CASE WHEN adjusts THEN 0 ELSE halved.cached END AS cached, reasoning, raw,
       CAST(below + CASE
           WHEN rest + rest > one OR (rest + rest = one AND below % (one + one) <> 0) THEN one
           ELSE 0 END AS DECIMAL(38, 12)) + fee AS billed,
       CASE WHEN adjusts THEN NULL ELSE halved.first_byte_ms END AS first_byte_ms,
       CASE WHEN adjusts THEN NULL ELSE halved.duration_ms END AS duration_ms, told_at,
       NOT adjusts AND halved.purpose IN (
           'title', 'tags', 'follow_up', 'query', 'image_prompt', 'autocomplete', 'emoji'
       ) AS is_task
FROM halved LEFT JOIN people ON people.called = halved.called;
"""

_SUMS = """
       count(*), count(*) FILTER (failed), count(*) FILTER (cancelled),
       sum(prompt), sum(completion), sum(cached), sum(reasoning), sum(raw), sum(billed),
       coalesce(sum(first_byte_ms), 0), count(first_byte_ms), coalesce(sum(duration_ms), 0),
       count(*) FILTER (is_task), coalesce(sum(billed) FILTER (is_task), 0)
"""


class YearSums:
    """The sums of one folder; the files are read once, and what was asked before is kept."""

    def __init__(self, folder: Path) -> None:
        self._asked: dict[tuple[tuple[str, ...], str], dict[tuple[str, ...], Sums]] = {}
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        for statements in (_TABLES, _ENTRIES):
            for statement in statements.split(";\n"):
                if statement.strip():
                    needs = {"folder": str(folder)} if "$folder" in statement else None
                    self._db.execute(statement, needs)

    def by(self, dimensions: Sequence[str], where: str = "true") -> dict[tuple[str, ...], Sums]:
        """By one text for each dimension, ISO where it is a date; ``where`` is SQL over these and
        ``told_at``."""
        unknown = set(dimensions) - set(DIMENSIONS)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: expected some of {DIMENSIONS}")
        keys = "".join(f'CAST("{name}" AS VARCHAR), ' for name in dimensions)
        grouped = f"GROUP BY {keys[:-2]} ORDER BY {keys[:-2]}" if keys else ""
        query = f"SELECT {keys}{_SUMS} FROM entries WHERE {where} {grouped}"
        question = tuple(dimensions), where
        if question not in self._asked:
            rows = self._db.execute(query).fetchall()
            self._asked[question] = {
                row[: len(dimensions)]: _sums(row[len(dimensions) :]) for row in rows
            }
        return dict(self._asked[question])

    def close(self) -> None:
        self._db.close()


def _sums(row: tuple[Any, ...]) -> Sums:
    """Whole numbers as such, amounts as ``Decimal`` with all their digits, as DuckDB adds them."""
    return Sums._make(value if isinstance(value, Decimal) else int(value) for value in row)


def main(folder: str, *dimensions: str) -> None:
    sums = YearSums(Path(folder))
    rows = [(*key, *map(str, one)) for key, one in sums.by(dimensions).items()]
    for row in [(*dimensions, *Sums._fields), *rows]:
        sys.stdout.write("\t".join(row) + "\n")
    sums.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
