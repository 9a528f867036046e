"""``algotrade bus dead``: look at what could not be decoded, and append it again where it now can be."""

from typing import TYPE_CHECKING, Annotated

import typer

from algotrade_runners.cli.looking import DEFAULT_BUS, Address, looking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from algotrade.bus import Bus, DeadLetter, Message

app = typer.Typer(no_args_is_help=True, help="Dead letters: messages that a reader could not decode.",
                  epilog="example: algotrade bus dead list --bus local:out/demo/bus")

LETTERS_PER_READ = 256
SHOWN_BYTES_MAX = 512
EXIT_REFUSED = 1


@app.command("list", epilog="example: algotrade bus dead list --bus local:out/demo/bus")
def list_letters(address: Address = DEFAULT_BUS) -> None:
    """List the dead letters of every topic: where each message stood, who could not read it, and why."""
    from rich.table import Table

    from algotrade.bus import TOPICS
    from algotrade_runners.cli.output import console

    table = Table()
    for column in ("letter", "of topic", "partition", "position", "reader", "reason", "bytes"):
        table.add_column(column)
    with looking(address) as bus:
        for name in (name for name in TOPICS if name.endswith(".dead")):
            for message in _messages(bus, name):
                letter = _letter(message)
                if letter is None:
                    table.add_row(f"{name} {message.position}", *[""] * 4, "no letter", f"{len(message.value):,}")
                    continue
                table.add_row(f"{name} {message.position}", letter.topic, str(letter.partition), f"{letter.position:,}",
                              letter.reader, letter.reason, f"{letter.size_bytes:,}")
    out = console()
    out.print(table if table.rows else "no dead letters", markup=False)


@app.command(epilog="example: algotrade bus dead show orders.intents.dead 0 --bus local:out/demo/bus")
def show(
    topic: Annotated[str, typer.Argument(help="The dead-letter topic, as listed.")],
    position: Annotated[int, typer.Argument(help="The letter's position, as listed.", min=0)],
    address: Address = DEFAULT_BUS,
) -> None:
    """Print one dead letter: what the reader said, and the bytes."""
    with looking(address) as bus:
        oldest, following = bus.bounds(topic)
        if not oldest <= position < following:
            raise typer.BadParameter(f"{position}; {topic} has {oldest} to {following - 1}", param_hint="POSITION")
        (message,) = bus.read(topic, position, messages_max=1)
    letter = _letter(message)
    if letter is None:
        typer.echo(f"{topic} position {position} is no dead letter, {len(message.value):,} bytes; a stranger put it "
                   f"there\n")
        _echo_bytes(message.value, len(message.value))
        return
    typer.echo(f"{letter.topic}/{letter.partition} position {letter.position}, {letter.size_bytes:,} bytes, "
               f"read by {letter.reader}\n{letter.reason}: {letter.detail}\n")
    for name, value in letter.headers:
        typer.echo(f"header {name}: {value[:SHOWN_BYTES_MAX]!r}")
    _echo_bytes(letter.value, letter.size_bytes)


def _echo_bytes(value: bytes, size_bytes: int) -> None:
    shown = value[:SHOWN_BYTES_MAX]
    for at in range(0, len(shown), 16):
        row = shown[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        typer.echo(f"{at:6x}  {row.hex(' '):47}  {text}")
    if size_bytes > len(shown):
        typer.echo(f"... and {size_bytes - len(shown):,} bytes more")


@app.command(epilog="example: algotrade bus dead replay orders.intents.dead 0 --bus kafka://127.0.0.1:9092/live")
def replay(
    topic: Annotated[str, typer.Argument(help="The dead-letter topic, as listed.")],
    position: Annotated[int | None, typer.Argument(help="The letter's position, as listed.", min=0)] = None,
    address: Address = DEFAULT_BUS,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of TOPIC, each message once.")] = False,  # noqa: FBT002
) -> None:
    """Append a dead letter's message again, at the end of its topic, now that this software can read it.

    What cannot be read, or was not kept whole, is refused, and nothing is changed; of --all the others are appended,
    and the exit code is 1. A replayed message is late: market data is dropped, an intent is answered EXPIRED and never
    trades, a report is folded unless later ones were (docs/KAFKA.md). On a local bus no plane may run.
    """
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.replays import replay_letters

    if everything == (position is not None):
        raise typer.BadParameter("one of POSITION and --all is needed", param_hint="POSITION")
    with told():
        done = replay_letters(address, topic, position)
    for line in done.replayed:
        typer.echo(line)
    for line in done.refused:
        typer.echo(f"refused: {line}", err=True)
    typer.echo(f"{len(done.replayed)} replayed, {len(done.refused)} refused")
    if done.refused:
        raise typer.Exit(EXIT_REFUSED)


def _messages(bus: "Bus", topic: str) -> "Iterator[Message]":
    position, _ = bus.bounds(topic)
    while messages := bus.read(topic, position, messages_max=LETTERS_PER_READ):
        yield from messages
        position = messages[-1].position + 1


def _letter(message: "Message") -> "DeadLetter | None":
    """Return the letter in ``message``, None where a stranger put something else among the letters."""
    from algotrade.bus import Undecodable, decode
    from algotrade.bus.dead_letters import letter_of

    try:
        return letter_of(decode(message.value))
    except Undecodable:
        return None
