"""Brokers that ask who we are: SASL/SCRAM with rules for each plane, and certificates on both sides."""

import pytest

from algotrade.bus import BusForbidden, BusUnreachable, Outgoing
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, Principal, create_acls, create_topics
from algotrade.bus.kafka.client import Appender
from algotrade.bus.kafka.records import Record
from algotrade.bus.topics import DATA_PLANE, PLANES, TOPICS
from tests.kafka.certificates import certificates
from tests.kafka.users import USERS, scram
from tools.kafka.cluster import running

RUN = "secure"


@pytest.fixture(scope="module")
def secured(broker_with_users):
    """A run on a broker with users, and the rules for each of them."""
    address = KafkaAddress.parse(f"kafka://{broker_with_users.address}/{RUN}", {})
    create_topics(address, scram("admin"))
    principals = [Principal(plane, f"User:{user}") for plane, user in USERS.items()]
    assert create_acls(address, scram("admin"), principals) > 100
    return address


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_can_do_its_part(secured, plane):
    bus = KafkaBus(secured, scram(USERS[plane]), plane)
    try:
        for topic in (row for row in TOPICS.values() if row.writer == plane):
            position = bus.append(topic.name, [Outgoing(b"k", b"v")])[0]
            assert bus.read(topic.name, position, messages_max=1)[0].value == b"v"
        lease = bus.lead(f"snapshots.{plane}")
        bus.append(f"snapshots.{plane}", [Outgoing(b"k", b"led")], lease=lease)
        bus.trim(f"snapshots.{plane}", 1)
        for topic in (row for row in TOPICS.values() if plane in row.readers):
            bus.read(topic.name, 0, messages_max=1)
            bus.commit(plane, {(topic.name, 0): bus.bounds(topic.name)[1]})
        for topic in (row for row in TOPICS.values() if row.writer == plane):
            assert all(bus.committed(reader, topic.name) >= 0 for reader in topic.readers)
        position = bus.append("orders.intents.dead", [Outgoing(b"k", b"v")])[0]
        assert bus.read("orders.intents.dead", position, messages_max=1)[0].value == b"v"
        bus.promise("time", 5)
        assert bus.promised("time") == 5
    finally:
        bus.close()


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_cannot_write_what_another_one_writes(secured, plane):
    appender = Appender(secured, scram(USERS[plane]))
    others = [row.name for row in TOPICS.values() if row.writer in PLANES and row.writer != plane]
    assert {"orders.intents", "orders.journal", "orders.reports"} - set(others) != {
        "orders.intents", "orders.journal", "orders.reports"}
    for name in others:
        with pytest.raises(BusForbidden, match=f"{RUN}.{name}"):
            appender.append([((f"{RUN}.{name}", 0), Record(b"", b"stolen", 0))])
    appender.close()


def test_a_wrong_password_is_refused_and_not_shown(secured):
    with pytest.raises(BusForbidden) as caught:
        KafkaBus(secured, scram("data", "guess"), DATA_PLANE)
    assert "guess" not in str(caught.value)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A broker that asks for a certificate, and the files of one client."""
    files = certificates(tmp_path_factory.mktemp("tls"))
    tls = {f"listener.name.client.ssl.{key}": value for key, value in {
        "client.auth": "required", "keystore.type": "PEM", "keystore.location": files["server.pem"],
        "truststore.type": "PEM", "truststore.location": files["ca.pem"],
        "endpoint.identification.algorithm": ""}.items()}
    access = KafkaAccess.of({
        "KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": files["ca.pem"],
        "KAFKA_SSL_CERTIFICATE_LOCATION": files["client.crt"], "KAFKA_SSL_KEY_LOCATION": files["client.key"]})
    with running(security="SSL", properties=tls, admin_settings=access.settings) as cluster:
        yield KafkaAddress.parse(f"kafka://{cluster.address}/{RUN}", {}), access, files


def test_certificates_on_both_sides(certified):
    address, access, _ = certified
    create_topics(address, access)
    bus = KafkaBus(address, access, DATA_PLANE)
    assert bus.append("market.quotes", [Outgoing(b"k", b"v")]) == [0]
    bus.close()


def test_without_a_certificate_nobody_comes_in(certified):
    address, _, files = certified
    stranger = KafkaAccess.of({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": files["ca.pem"]})
    # The broker closes the connection without a word of why, so it may as well be away.
    with pytest.raises((BusForbidden, BusUnreachable)):
        KafkaBus(address, stranger, DATA_PLANE)
