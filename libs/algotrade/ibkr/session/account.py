"""Whose account this is: it must be the one of the settings, and a paper account. Ports and prefixes have to agree."""

from algotrade.ibkr.session.errors import AccountRefused

LIVE_PORTS = {7496: "TWS, live", 4001: "Gateway, live"}
PAPER_PORTS = {7497: "TWS, paper", 4002: "Gateway, paper"}
"""The ports that TWS and the Gateway choose by themselves (documented). Any other says nothing."""


def is_paper(account: str) -> bool:
    """Tell whether ``account`` is a paper account: its name begins with D, as in DU1234567 or DF1234567 (observed)."""
    return account.startswith("D")


def chosen_account(configured: str, told: str, port: int) -> str:
    """Return the account to work with, of those that the broker manages for this login; raises ``AccountRefused``.

    ``configured``  "": the only one
    ``told``        as the broker writes them, separated by commas
    """
    accounts = [name.strip() for name in told.split(",") if name.strip()]
    if not accounts:
        raise AccountRefused("the broker named no account for this login; allowed: one at least")
    if configured and configured not in accounts:
        raise AccountRefused(f"account is {configured}; this login manages: {', '.join(accounts)} (IBKR_ACCOUNT)")
    if not configured and len(accounts) > 1:
        raise AccountRefused(f"this login manages {', '.join(accounts)}; allowed: one of them, named by IBKR_ACCOUNT")
    account = configured or accounts[0]
    if not is_paper(account):
        raise AccountRefused(
            f"account {account} is not a paper account; allowed: paper accounts (DU...) alone, until order journal, "
            "reconciliation and kill switch exist. Nothing overrides this")
    if port in LIVE_PORTS:
        raise AccountRefused(
            f"account {account} is a paper account, but port {port} is that of {LIVE_PORTS[port]}; allowed: "
            f"{', '.join(map(str, PAPER_PORTS))}, or a port of your own")
    return account
