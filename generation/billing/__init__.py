"""Prices, the ledger of costs, spending caps and reports."""

from generation.billing import caps, ledger, prices, reports, savings

__all__ = ["caps", "ledger", "prices", "reports", "savings"]
