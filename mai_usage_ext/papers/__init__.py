"""Documents for people: statements as PDF."""

from mai_usage_ext.papers.statement import StatementPaper

__all__ = ["StatementPaper"]
