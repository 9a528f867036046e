"""``algotrade ibkr``: look at TWS or the Gateway as algo-trade sees it. Nothing here can send an order."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from algotrade.ibkr.session import IbkrSettings

app = typer.Typer(
    no_args_is_help=True, help="Look at TWS or the Gateway as algo-trade sees it; no order is ever sent.",
    epilog="example: algotrade ibkr check --port 4002")

Host = Annotated[str | None, typer.Option(help="TWS or the Gateway; by default IBKR_HOST, else 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(help="Its API port; by default IBKR_PORT, else 4002.")]
Account = Annotated[str | None, typer.Option(help="By default IBKR_ACCOUNT, else the only one of the login.")]
ClientId = Annotated[int | None, typer.Option(help="By default IBKR_CLIENT_ID, else 1.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=60, help="Seconds that connecting may take.")]
Symbol = Annotated[str, typer.Option(help="A US stock, to see what data its market gives us.")]


@app.command(epilog="example: algotrade ibkr check --host 127.0.0.1 --port 4002")
def check(
    host: Host = None, port: Port = None, account: Account = None, client_id: ClientId = None, symbol: Symbol = "IBM",
    timeout: Timeout = 10.0,
    wait: Annotated[float, typer.Option(min=1, max=300, help="Seconds that the snapshots may take.")] = 15.0,
) -> None:
    """Connect, reading only, and say what is there; or what is wrong, and what to do about it."""
    from algotrade.domain import SystemClock
    from algotrade_runners.cli.ibkr_check import Check
    from algotrade_runners.cli.output import console
    from algotrade_runners.host import EXIT_OK, EXIT_WORLD

    with _told():
        settings = _settings(host, port, account, client_id, timeout)
        found = Check(settings, SystemClock(), symbol=symbol, wait_s=wait).run()
    out = console()
    for part in found.tables:
        out.print(part)
    out.print(f"orders could not be sent: {found.because}" if found.because else "orders could be sent (none was)",
              markup=False)
    raise typer.Exit(EXIT_WORLD if found.because else EXIT_OK)


@app.command(epilog="example: algotrade ibkr record --out recordings --symbol IBM --seconds 60")
def record(
    out: Annotated[Path, typer.Option(help="Folder for the recording; a new file in it for each.")],
    host: Host = None, port: Port = None, account: Account = None, client_id: ClientId = None, symbol: Symbol = "IBM",
    timeout: Timeout = 10.0,
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="So long; less with Ctrl-C.")] = 60.0,
) -> None:
    """Record what passes on the wire, both ways, without accounts, names and references: docs/IBKR.md."""
    from algotrade.domain import SystemClock
    from algotrade_runners.cli.ibkr_record import record_session
    from algotrade_runners.cli.output import console
    from algotrade_runners.host import StopFlag

    stop = StopFlag()
    stop.install()
    with _told():
        settings = _settings(host, port, account, client_id, timeout)
        recorder = record_session(settings, SystemClock(), out, symbol=symbol, seconds=seconds, stop=stop)
    more = "; it is full, and what came after is missing" if recorder.is_full else ""
    console().print(f"{recorder.frames:,} messages in {recorder.path}{more}", markup=False)


def _settings(
    host: str | None, port: int | None, account: str | None, client_id: int | None, connect_s: float,
) -> "IbkrSettings":
    """Return the settings of the environment, with what the command line says instead; they only read."""
    import msgspec

    from algotrade.ibkr.session import ibkr_settings

    said = {"IBKR_HOST": host, "IBKR_PORT": port, "IBKR_ACCOUNT": account, "IBKR_CLIENT_ID": client_id}
    settings = ibkr_settings({**os.environ, **{k: str(v) for k, v in said.items() if v is not None}})
    return msgspec.structs.replace(settings, read_only=True, connect_s=connect_s)


def _told() -> "AbstractContextManager[None]":
    from algotrade.ibkr.recording import RecordingError
    from algotrade.ibkr.session import AccountRefused, LibraryMissing, SessionError, SettingsRefused
    from algotrade_runners.cli.errors import told

    return told(config=(SettingsRefused, AccountRefused, LibraryMissing), world=(SessionError, RecordingError))
