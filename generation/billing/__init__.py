"""Prices, the cost ledger, spending caps and reports."""

from generation.billing import caps, ledger, prices, reports, savings
from generation.billing.prices import format_usd, picture_prices

__all__ = ["caps", "format_usd", "ledger", "picture_prices", "prices", "reports", "savings"]
