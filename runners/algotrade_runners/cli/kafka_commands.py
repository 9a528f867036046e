"""``algotrade bus create|describe|check``: a run's topics on a Kafka cluster, against the table in code."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from algotrade.bus.topics import SHARDS_MAX

if TYPE_CHECKING:
    from algotrade.bus import KafkaPlace
    from algotrade.bus.kafka import Inspection, Principal

Address = Annotated[str, typer.Option("--bus", metavar="kafka://HOST:PORT/RUN", help="The cluster and the run.")]

EXIT_DIFFERS = 1


def create(
    address: Address,
    shards: Annotated[int | None, typer.Option(
        min=1, max=SHARDS_MAX, help="Spread a new run's instruments over so many shards; 1 by default.")] = None,
    acl: Annotated[list[str] | None, typer.Option(
        metavar="PLANE=PRINCIPAL", help="Write what PLANE may do as PRINCIPAL; again for more.")] = None,
) -> None:
    """Make the topics of a run that the cluster does not have yet; those it has stay as they are."""
    from algotrade.bus.kafka import create_acls, create_topics
    from algotrade_runners.cli.errors import told
    from algotrade_runners.cli.output import console

    with told():
        place = _place(address)
        principals = [_principal(text) for text in acl or ()]
        made = create_topics(place.address, place.access, shards=shards)
        rules = create_acls(place.address, place.access, principals) if principals else 0
    console().print(f"{len(made)} topics made, {rules} rules written" + "".join(f"\n  {name}" for name in made),
                    markup=False)


def describe(address: Address) -> None:
    """Show every topic of a run as the table in code wants it, and as the cluster has it."""
    from rich.table import Table

    from algotrade_runners.cli.output import console

    inspection = _inspection(address)
    table = Table()
    for column in ("topic", "partitions", "replication", "min ISR", "retention", "largest record, KiB", "there"):
        table.add_column(column, no_wrap=column == "topic")
    for name, wanted in inspection.wanted.items():
        facts = inspection.there[name]
        there = "missing" if facts is None else (
            f"{facts.partitions} x {facts.replication}, {facts.in_sync} in sync, "
            f"min ISR {facts.config.get('min.insync.replicas')}")
        kept = wanted.config["retention.bytes"]
        table.add_row(name, str(wanted.partitions), str(wanted.replication), wanted.config["min.insync.replicas"],
                      "by its writer" if kept == "-1" else f"{int(kept) >> 20} MiB",
                      str(int(wanted.config["max.message.bytes"]) >> 10), there)
    console().print(table)


def check(address: Address) -> None:
    """Say how the cluster differs from the table, and what would be unsafe with real money; then exit with code 1."""
    from rich.table import Table

    from algotrade_runners.cli.output import console

    findings = _inspection(address).findings
    if not findings:
        console().print("the cluster is as it should be")
        return
    table = Table()
    for column in ("where", "what", "found", "wanted", "unsafe"):
        table.add_column(column)
    for finding in findings:
        table.add_row(finding.where, finding.what, finding.found, finding.wanted, "yes" if finding.unsafe else "")
    out = console()
    out.print(table)
    unsafe = sum(finding.unsafe for finding in findings)
    out.print(f"{len(findings)} differences, {unsafe} of them unsafe: they can lose what was acknowledged")
    raise typer.Exit(EXIT_DIFFERS)


def _principal(text: str) -> "Principal":
    from algotrade.bus.kafka import Principal
    from algotrade.bus.topics import PLANES

    plane, _, name = text.partition("=")
    if plane not in PLANES or not name.removeprefix("User:") or not name.startswith("User:"):
        raise typer.BadParameter(f"{text!r}; allowed: PLANE=User:NAME with PLANE one of {', '.join(PLANES)}",
                                 param_hint="--acl")
    return Principal(plane, name)


def _place(address: str) -> "KafkaPlace":
    from algotrade.bus import BusError, KafkaPlace, bus_at

    place = bus_at(address, os.environ)
    if not isinstance(place, KafkaPlace):
        raise BusError(f"bus address {address!r} is not on Kafka; allowed: kafka://HOST:PORT[,HOST:PORT...]/RUN")
    return place


def _inspection(address: str) -> "Inspection":
    from algotrade.bus.kafka import inspect_cluster
    from algotrade_runners.cli.errors import told

    with told():
        place = _place(address)
        return inspect_cluster(place.address, place.access)


def add_to(app: typer.Typer) -> None:
    """Make these subcommands of ``app``."""
    for command in (create, describe, check):
        name = command.__name__
        app.command(epilog=f"example: algotrade bus {name} --bus kafka://127.0.0.1:9092/live")(command)
