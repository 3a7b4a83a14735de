"""Numbered migrations, shipped as ``mai_usage_ext.migrations``.

A script never imports the package's models: it keeps its own, frozen as they were on its day. It
declares ``REQUIRES``, the oldest package version that may use a database it was applied to, and
four functions: ``measure(db)`` counts what must survive, ``up(db)`` changes the schema,
``check(db, before)`` raises ``MigrationFailed`` with a sentence when something did not survive, and
``down(db)`` takes the change back. The migrator runs each in one transaction.
"""
