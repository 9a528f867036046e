"""Tokens over TLS, as Amazon MSK takes them: every client fetches one by itself, and a broker's no is told.

A broker here cannot check what AWS signs. It takes tokens that nobody signed (JSON, base64) instead, so what is proven
is all but the signature: that tokens come without anyone polling, and are shown to the broker. For the signature
see tests/bus/test_msk_iam.py.
"""

import json
from base64 import urlsafe_b64encode

import pytest

from algotrade.bus import BusForbidden, Outgoing
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from algotrade.bus.kafka.client import Administrator
from algotrade.bus.kafka.msk import TokenSource
from algotrade.bus.topics import DATA_PLANE
from algotrade.domain import SystemClock
from tests.kafka.certificates import certificates
from tools.kafka.cluster import running

LISTENER = "listener.name.client"
PROPERTIES = {
    f"{LISTENER}.sasl.enabled.mechanisms": "OAUTHBEARER",
    f"{LISTENER}.oauthbearer.sasl.jaas.config":
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
    f"{LISTENER}.oauthbearer.sasl.server.callback.handler.class":
        "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler",
}


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """The address of a broker that takes tokens over TLS, and how we come in."""
    files = certificates(tmp_path_factory.mktemp("tls"))
    tls = {f"{LISTENER}.ssl.keystore.type": "PEM", f"{LISTENER}.ssl.keystore.location": files["server.pem"]}
    access = KafkaAccess.of({"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "AWS_REGION": "eu-west-1",
                             "KAFKA_SSL_CA_LOCATION": files["ca.pem"]})

    def for_waiting(_config):
        return unsigned_token()

    with running(security="SASL_SSL", properties=PROPERTIES | tls,
                 admin_settings=access.settings | {"oauth_cb": for_waiting}) as cluster:
        yield KafkaAddress.parse(f"kafka://{cluster.address}/msk", {}), access


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


def unsigned_token(_source=None):
    now_s = SystemClock().time_ns() / 1e9
    parts = ({"alg": "none"}, {"sub": "data", "iat": now_s, "exp": now_s + 900})
    return ".".join(urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + ".", now_s + 900


def test_the_bus_works_with_tokens(certified, monkeypatch):
    monkeypatch.setattr(TokenSource, "token", unsigned_token)
    address, access = certified

    create_topics(address, access)
    bus = KafkaBus(address, access, DATA_PLANE)
    assert bus.append("market.quotes", [Outgoing(b"k", b"v")]) == [0]
    assert bus.read("market.quotes", 0, messages_max=1)[0].value == b"v"
    bus.promise("time", 5)
    bus.close()


def test_a_token_that_the_broker_does_not_take_is_told_as_such(certified):
    with pytest.raises(BusForbidden, match="SASL authentication error"):
        Administrator(*certified).brokers()
