"""``algotrade bus``: look at what is on a bus, while planes run or afterwards. Nothing here changes it."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from algotrade_runners.cli import dead_commands, kafka_commands
from algotrade_runners.cli.looking import DEFAULT_BUS, Address, looking

if TYPE_CHECKING:

    from algotrade.bus import Message

app = typer.Typer(no_args_is_help=True, help="Look at what is on a bus, while planes run or afterwards.",
                  epilog="example: algotrade bus tail orders.reports --bus local:out/demo/bus")

kafka_commands.add_to(app)
app.add_typer(dead_commands.app, name="dead")

WAIT_S = 0.1


@app.command(epilog="example: algotrade bus topics --bus local:out/demo/bus")
def topics(address: Address = DEFAULT_BUS) -> None:
    """List the topics: who writes them, what is kept, what is in them."""
    from rich.table import Table

    from algotrade.bus import TOPICS
    from algotrade_runners.cli.output import console

    table = Table()
    for column in ("topic", "writer", "readers", "partition", "first", "next", "flushed", "kept, MiB"):
        table.add_column(column, no_wrap=column == "topic")
    with looking(address) as bus:
        for name, topic in TOPICS.items():
            for partition in range(bus.partitions(name)):
                oldest, following = bus.bounds(name, partition)
                if name.endswith(".dead") and following == 0:
                    continue
                table.add_row(name, topic.writer, ", ".join(topic.readers), str(partition), f"{oldest:,}",
                              f"{following:,}", "yes" if topic.durable else "no",
                              f"{topic.retention_bytes_max >> 20:,}")
    console().print(table)


@app.command(epilog="example: algotrade bus tail orders.reports -n 5 --bus local:out/demo/bus")
def tail(
    topic: Annotated[str, typer.Argument(help="Topic to read.")],
    address: Address = DEFAULT_BUS,
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="So many messages from the end.")] = 10,
    partition: Annotated[int, typer.Option(min=0, help="Partition to read.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,  # noqa: FBT002
) -> None:
    """Print the last messages of TOPIC, one JSON object a line."""
    from algotrade_runners.host import StopFlag

    stop = StopFlag()
    stop.install()
    with looking(address) as bus:
        if partition >= bus.partitions(topic):
            raise typer.BadParameter(f"{partition}; {topic} has {bus.partitions(topic)}", param_hint="--partition")
        oldest, following = bus.bounds(topic, partition)
        position = max(oldest, following - count)
        while not stop.is_set:
            messages = bus.read(topic, position, messages_max=64, partition=partition)
            for message in messages:
                typer.echo(_line(message))
                position = message.position + 1
            if not messages:
                if not follow:
                    return
                bus.wait(WAIT_S)


@app.command(epilog="example: algotrade bus stats --bus local:out/demo/bus")
def stats(address: Address = DEFAULT_BUS) -> None:
    """Say what `lag` says, what could not be decoded, and how much disk is used."""
    from algotrade.bus import TOPICS, LocalPlace, bus_at
    from algotrade_runners.cli.lag_table import lag_table
    from algotrade_runners.cli.output import console

    out = console()
    with looking(address) as bus:
        out.print(lag_table(bus))
        dead = {name: bus.bounds(name)[1] for name in TOPICS if name.endswith(".dead")}
    out.print("dead letters: " + (", ".join(f"{name} {n:,}" for name, n in dead.items() if n) or "none"))
    place = bus_at(address, os.environ)
    if isinstance(place, LocalPlace):
        used = sum(path.stat().st_size for path in place.folder.rglob("*") if path.is_file())
        out.print(f"on disk: {used / 2**20:,.1f} MiB")


@app.command(epilog="example: algotrade bus lag --bus kafka://127.0.0.1:9092/live")
def lag(address: Address = DEFAULT_BUS) -> None:
    """Say how far each reader is behind, in messages and in seconds.

    HANDLED is the newest position that the reader has told, or that its newest snapshot holds, whichever is later.
    BEHIND counts from there to the end (markers of epochs on Kafka included). SECONDS is the age of the oldest message
    behind: since it was appended on Kafka; on a local bus since the market data behind it were published, and ? where
    the message does not say. Event time plays no part. KEPT FROM is what the reader has committed for retention.
    """
    from algotrade_runners.cli.lag_table import lag_table
    from algotrade_runners.cli.output import console

    with looking(address) as bus:
        table = lag_table(bus)
    console().print(table)


def _line(message: "Message") -> str:
    """Return a message as JSON: values as they are, records as a count with the first and last row."""
    import msgspec

    from algotrade.bus import Schema, Undecodable, decode
    from algotrade.bus.codec import decode_bare, decode_records

    row: dict[str, object] = {"position": message.position, "key": message.key.decode(errors="replace")}
    try:
        frame = decode(message.value)
        row |= {"schema": frame.schema.name, "version": frame.version}
        if frame.schema in {Schema.QUOTES, Schema.TRADES, Schema.BARS}:
            records = decode_records(frame)
            row |= {"records": len(records)}
            if len(records):
                row |= {"first": _row(records[0]), "last": _row(records[-1])}
        elif frame.schema is Schema.SNAPSHOT:
            row["bytes"] = len(frame.body)
        else:
            row["value"] = decode_bare(frame.body, Any)
    except Undecodable as error:
        row["undecodable"] = str(error)
    try:
        return msgspec.json.encode(row, enc_hook=repr).decode()
    except (TypeError, ValueError):  # a stranger's value that JSON has no words for
        return msgspec.json.encode(row | {"value": repr(row.get("value"))}).decode()


def _row(record: object) -> dict[str, object]:
    names = record.dtype.names  # type: ignore[attr-defined]
    return dict(zip(names, record.item(), strict=True))  # type: ignore[attr-defined]
