"""`algotrade bus create|describe|check` against real brokers: what they make, show, find, write and refuse."""

import os
from itertools import count

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)

from algotrade.bus import BusForbidden
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator, Appender
from algotrade.bus.kafka.names import PROMISES, cluster_topics
from algotrade.bus.kafka.records import Record
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, TOPICS
from algotrade_runners.host import EXIT_USAGE, EXIT_WORLD
from tests.integration.runs import algotrade
from tests.kafka.long import long
from tests.kafka.users import USERS, scram, variables
from tools.kafka.cluster import running

RUNS = count(1)
DIFFERS = 1


def bus(command, address, *words, who=None):
    """Run ``algotrade bus COMMAND`` as the user ``who``; return its exit code, its output and its errors."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KAFKA_")}
    done = algotrade("bus", command, "--bus", address, *words, env=plain | (variables(who) if who else {}))
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def rows(output):
    """Return the cells of a table, row by row."""
    return [tuple(cell.strip() for cell in line.strip("│\n").split("│"))
            for line in output.splitlines() if line.startswith("│")]


def names(run, brokers=1):
    return [topic.name for topic in cluster_topics(run, TOPICS, brokers)]


def alter(servers, topic, key, value):
    """Set one value of a topic's configuration, as an operator may have done."""
    entry = ConfigEntry(key, value, ConfigSource.DYNAMIC_TOPIC_CONFIG,
                        incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": servers})
    (done,) = admin.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]).values()
    done.result(30)


@pytest.fixture
def run():
    return f"made{next(RUNS)}"


@pytest.fixture
def address(broker, run):
    """A run of its own on the broker, made by the command."""
    url = f"kafka://{broker.address}/{run}"
    assert bus("create", url)[0] == 0
    return url


def test_create_makes_every_topic_once(broker, run):
    url = f"kafka://{broker.address}/{run}"

    code, first, _ = bus("create", url)
    assert code == 0
    assert first.splitlines() == [f"{len(names(run))} topics made, 0 rules written", *(f"  {n}" for n in names(run))]
    assert bus("create", url)[:2] == (0, "0 topics made, 0 rules written\n")


def test_create_makes_what_is_missing_and_leaves_what_is_there(broker, address, run):
    alter(broker.address, f"{run}.orders.journal", "retention.bytes", "4096")
    Administrator(KafkaAddress.parse(address, {}), KafkaAccess()).delete([f"{run}.orders.reports"])

    assert bus("create", address)[:2] == (0, f"1 topics made, 0 rules written\n  {run}.orders.reports\n")
    assert (f"{run}.orders.journal", "retention.bytes", "4096", "-1", "yes") in rows(bus("check", address)[1])


def test_describe_shows_every_topic_of_the_table(address, run):
    code, output, _ = bus("describe", address)
    shown = {row[0]: row[1:] for row in rows(output)}

    assert code == 0
    assert list(shown) == names(run)
    assert shown[f"{run}.orders.intents"] == ("1", "3", "2", "by its writer", "4096", "1 x 1, 1 in sync, min ISR 1")
    assert shown[f"{run}.orders.intents.dead"][3] == "64 MiB"


def test_describe_and_check_of_a_run_that_was_never_made(broker, run):
    url = f"kafka://{broker.address}/{run}"

    assert {row[-1] for row in rows(bus("describe", url)[1])} == {"missing"}
    code, output, _ = bus("check", url)
    assert code == DIFFERS
    assert [row for row in rows(output) if row[0] != "broker 1"] == [
        (name, "topic", "missing", "there", "") for name in names(run)]


def test_check_calls_one_broker_unsafe(address, run):
    code, output, _ = bus("check", address)
    found = rows(output)

    assert code == DIFFERS
    assert ("broker 1", "offsets.topic.replication.factor", "1", "3", "yes") in found
    for name in names(run):
        assert (name, "replication", "1", "3", "yes") in found
        assert ((name, "min.insync.replicas", "1", "2", "yes") in found) == (name != f"{run}.{PROMISES}")
    assert f"{len(found)} differences, {len(found)} of them unsafe" in output


def test_check_names_what_was_altered_and_whether_it_can_lose_messages(broker, address, run):
    before = set(rows(bus("check", address)[1]))
    alter(broker.address, f"{run}.orders.intents", "retention.ms", "60000")
    alter(broker.address, f"{run}.orders.journal", "cleanup.policy", "compact")
    alter(broker.address, f"{run}.market.quotes", "max.message.bytes", "1000000")

    code, output, _ = bus("check", address)

    assert code == DIFFERS
    assert set(rows(output)) - before == {
        (f"{run}.orders.intents", "retention.ms", "60000", "-1", "yes"),
        (f"{run}.orders.journal", "cleanup.policy", "compact", "delete", "yes"),
        (f"{run}.market.quotes", "max.message.bytes", "1000000", str(4 << 20), ""),
    }
    assert f"{len(before) + 3} differences, {len(before) + 2} of them unsafe" in output


def test_check_finds_a_broker_that_makes_topics_by_itself_or_elects_an_unclean_leader(run):
    properties = {"auto.create.topics.enable": "true", "unclean.leader.election.enable": "true"}
    with running(properties=properties) as careless:
        code, output, _ = bus("check", f"kafka://{careless.address}/{run}")

    assert code == DIFFERS
    assert {("broker 1", "auto.create.topics.enable", "true", "false", "yes"),
            ("broker 1", "unclean.leader.election.enable", "true", "false", "yes")} <= set(rows(output))


@long
def test_three_brokers_are_as_they_should_be(run):
    with running(3) as cluster:
        url = f"kafka://{cluster.address}/{run}"
        assert bus("create", url)[0] == 0
        cluster.wait_in_sync()

        assert bus("check", url)[:2] == (0, "the cluster is as it should be\n")
        assert {row[-1] for row in rows(bus("describe", url)[1])} == {
            "1 x 3, 3 in sync, min ISR 2", "1 x 3, 3 in sync, min ISR 1"}


def test_rules_that_the_command_writes_hold(broker_with_users, run):
    url = f"kafka://{broker_with_users.address}/{run}"
    words = [word for plane in (DATA_PLANE, ORDER_PLANE) for word in ("--acl", f"{plane}=User:{USERS[plane]}")]
    code, output, errors = bus("create", url, *words, who="admin")
    assert (code, errors) == (0, "")
    assert int(output.split(" topics made, ")[1].split()[0]) > 80

    record = Record(b"k", b"v", 1)
    for plane, own, others in ((DATA_PLANE, "market.quotes", ("orders.intents", "orders.reports")),
                               (ORDER_PLANE, "orders.reports", ("orders.intents", "market.quotes"))):
        appender = Appender(KafkaAddress.parse(url, {}), scram(USERS[plane]))
        assert appender.append([((f"{run}.{own}", 0), record)]) == [0]
        for other in others:
            with pytest.raises(BusForbidden, match=f"{run}.{other}"):
                appender.append([((f"{run}.{other}", 0), record)])
        appender.close()


def test_a_plane_cannot_make_topics_or_give_itself_rights(broker_with_users, run):
    url = f"kafka://{broker_with_users.address}/{run}"
    assert bus("create", url, who="admin")[0] == 0
    orders = USERS[ORDER_PLANE]

    code, _, errors = bus("create", f"{url}-other", who=orders)
    assert (code, "TOPIC_AUTHORIZATION_FAILED" in errors) == (EXIT_WORLD, True)
    code, _, errors = bus("create", url, "--acl", f"{ORDER_PLANE}=User:{orders}", who=orders)
    assert (code, "AUTHORIZATION_FAILED" in errors) == (EXIT_WORLD, True)
    code, _, errors = bus("check", url, who=orders)
    assert (code, "broker 1: Cluster authorization failed" in errors) == (EXIT_WORLD, True)


def test_rules_need_brokers_that_keep_rules(address):
    code, _, errors = bus("create", address, "--acl", "data-plane=User:data")
    assert (code, "No Authorizer is configured" in errors) == (EXIT_WORLD, True)


@pytest.mark.parametrize("wrong", ["nonsense", "data-plane=data", "data-plane=User:", "reader=User:data"])
def test_a_rule_that_is_none_is_refused_by_name(wrong):
    code, _, errors = bus("create", "kafka://127.0.0.1:9/live", "--acl", wrong)
    told = " ".join(errors.replace("│", " ").split())

    assert code == EXIT_USAGE
    assert f"--acl: {wrong!r}; allowed: PLANE=User:NAME with PLANE one of data-plane, strategy-plane" in told


@pytest.mark.parametrize(("command", "wrong", "told"), [
    ("create", "kafka://127.0.0.1:9", "'kafka://127.0.0.1:9' names no run; allowed: kafka://127.0.0.1:9/RUN"),
    ("describe", "kafka://127.0.0.1:9", "'kafka://127.0.0.1:9' names no run; allowed: kafka://127.0.0.1:9/RUN"),
    ("check", "kafka://127.0.0.1:9", "'kafka://127.0.0.1:9' names no run; allowed: kafka://127.0.0.1:9/RUN"),
    ("create", "kafka://127.0.0.1/live", "'kafka://127.0.0.1/live' is none; allowed: kafka://HOST:PORT"),
    ("describe", "kafka:///live", "without hosts KAFKA_BOOTSTRAP_SERVERS names them"),
    ("check", "local:out/bus", "'local:out/bus' is not on Kafka; allowed: kafka://HOST:PORT"),
    ("check", "nats://127.0.0.1:9/live", "has scheme 'nats'; allowed: local:FOLDER or kafka://"),
])
def test_an_address_that_will_not_do_is_refused_by_name(command, wrong, told):
    code, output, errors = bus(command, wrong)
    assert (code, output) == (EXIT_WORLD, "")
    assert told in errors
