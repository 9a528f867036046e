"""Accounts, ports and environment agree, or nothing starts."""

import pytest

from algotrade.ibkr.session import AccountRefused, IbkrSettings, MaintenanceWindow, SettingsRefused, ibkr_settings
from algotrade.ibkr.session.account import chosen_account


@pytest.mark.parametrize(("configured", "told", "chosen"), [
    ("", "DU1234567", "DU1234567"), ("", "DU1234567,", "DU1234567"), ("DU2", "DU1,DU2,DU3", "DU2"),
    ("DF1", "DF1,DU1", "DF1"),
])
def test_chosen(configured, told, chosen):
    assert chosen_account(configured, told, 4002) == chosen


@pytest.mark.parametrize(("configured", "told", "port", "reason"), [
    ("", "", 4002, "no account"), ("", " , ", 4002, "no account"), ("", "DU1,DU2", 4002, "IBKR_ACCOUNT"),
    ("DU9", "DU1,DU2", 4002, "account is DU9; this login manages: DU1, DU2"),
    ("", "U1234567", 4002, "not a paper account"), ("U1", "U1,DU1", 4002, "not a paper account"),
    ("", "U1234567", 5000, "not a paper account"),
    ("", "F1234567", 4002, "not a paper account"), ("", "DU1", 4001, "Gateway, live"),
    ("DU1", "DU1", 7496, "TWS, live"),
])
def test_refused(configured, told, port, reason):
    with pytest.raises(AccountRefused, match=reason):
        chosen_account(configured, told, port)


def test_settings_from_the_environment():
    settings = ibkr_settings({
        "IBKR_HOST": "gateway", "IBKR_PORT": "7497", "IBKR_ACCOUNT": "DU1234567", "IBKR_CLIENT_ID": "7",
        "IBKR_READ_ONLY": "yes", "IBKR_CLIENT": "ib_async", "PATH": "/bin"})
    assert settings == IbkrSettings(host="gateway", port=7497, account="DU1234567", client_id=7, read_only=True,
                                    client="ib_async")
    assert ibkr_settings({}) == IbkrSettings()
    assert IbkrSettings().port == 4002


def test_regions_have_their_hours_and_more_may_be_added():
    own = MaintenanceWindow(name="ours", zone="UTC", start="10:00", end="11:00")
    assert IbkrSettings(region="none", maintenance=(own,)).windows == (own,)
    assert len(IbkrSettings(maintenance=(own,)).windows) == len(IbkrSettings().windows) + 1
    with pytest.raises(SettingsRefused, match="region is 'mars'; allowed: america, europe, asia, none"):
        IbkrSettings(region="mars")


@pytest.mark.parametrize(("name", "value", "reason"), [
    ("IBKR_PORT", "x", "a whole number"), ("IBKR_PORT", "0", "1 to 65535"), ("IBKR_PORT", "65536", "1 to 65535"),
    ("IBKR_PORT", "7496", "Live accounts are refused"), ("IBKR_PORT", "4001", "Live accounts are refused"),
    ("IBKR_CLIENT_ID", "-1", "0 to"), ("IBKR_CLIENT_ID", "2147483648", "0 to"), ("IBKR_CLIENT_ID", "1.5", "whole"),
    ("IBKR_ACCOUNT", "U1234567", "a paper account"), ("IBKR_ACCOUNT", "DU 1", "such as"),
    ("IBKR_ACCOUNT", "D" * 30, "such as"), ("IBKR_CLIENT", "ibapi", "ib_insync, ib_async"),
    ("IBKR_READ_ONLY", "perhaps", "true"), ("IBKR_HOST", "", "a name"), ("IBKR_HOST", "a b", "a name"),
])
def test_a_wrong_variable_is_named_with_what_is_allowed(name, value, reason):
    with pytest.raises(SettingsRefused, match=f"^{name} is .*{reason}"):
        ibkr_settings({name: value})
