"""What we show Amazon MSK: a signed request, checked here as AWS checks one; what is said where there is none."""

import base64
import hashlib
import hmac
import os
import re
import sys
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from structlog.testing import capture_logs

from algotrade.bus import BusError
from algotrade.bus.kafka import KafkaAccess, KafkaAddress
from algotrade.bus.kafka.client import Administrator, Appender, Fetcher, Teller
from algotrade.bus.kafka.msk import TokenSource, token_callback

REGION = "eu-west-1"
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # the ones of AWS's own documentation
NAMED = {"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "AWS_REGION": REGION}
ADDRESS = KafkaAddress.parse("kafka://127.0.0.1:9/live", {})


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    """No credentials but those that a test sets: no variable, no file, no instance that is asked."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def url_of(token):
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()


def signature(url, secret):
    """Return what AWS expects: Signature Version 4 of a GET with no body, by its published steps."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    # The user agent is added behind the signature, as AWS's own library for MSK does it.
    signed = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items()
                    if name not in {"X-Amz-Signature", "User-Agent"})
    canonical = "\n".join(["GET", parts.path, "&".join(f"{name}={value}" for name, value in signed),
                           f"host:{parts.netloc}", "", "host", hashlib.sha256(b"").hexdigest()])
    _, scope = query["X-Amz-Credential"].split("/", 1)
    to_sign = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope,
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for word in (*scope.split("/"), to_sign):
        key = hmac.digest(key, word.encode(), "sha256")
    return key.hex()


def test_the_token_is_a_signed_request_to_connect(credentials):
    token, expires_s = TokenSource(REGION).token()
    url = url_of(token)
    parts, query = urlsplit(url), dict(parse_qsl(urlsplit(url).query, strict_parsing=True))

    assert "=" not in token
    assert (parts.scheme, parts.netloc, parts.path) == ("https", f"kafka.{REGION}.amazonaws.com", "/")
    assert query.pop("X-Amz-Signature") == signature(url, SECRET)
    day = query["X-Amz-Date"][:8]
    signed_at = datetime.strptime(query.pop("X-Amz-Date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert query == {
        "Action": "kafka-cluster:Connect", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "900",
        "X-Amz-Credential": f"{KEY}/{day}/{REGION}/kafka-cluster/aws4_request", "X-Amz-SignedHeaders": "host",
        "User-Agent": "algotrade"}
    assert expires_s == signed_at.timestamp() + 900


def test_temporary_credentials_show_their_session(credentials, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session/+=")
    url = url_of(TokenSource(REGION).token()[0])
    query = dict(parse_qsl(urlsplit(url).query))

    assert query["X-Amz-Security-Token"] == "session/+="
    assert query["X-Amz-Signature"] == signature(url, SECRET)


def test_another_secret_gives_another_signature(credentials):
    url = url_of(TokenSource(REGION).token()[0])
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"] != signature(url, SECRET + "x")


def test_credentials_of_a_profile_are_found(monkeypatch, tmp_path):
    (tmp_path / "credentials").write_text(
        f"[trading]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_PROFILE", "trading")
    assert f"X-Amz-Credential={KEY}" in url_of(TokenSource(REGION).token()[0])


@pytest.mark.parametrize(("variables", "told"), [
    ({}, "no AWS credentials for AWS_MSK_IAM; looked for: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ({"AWS_ACCESS_KEY_ID": KEY}, "missing: AWS_SECRET_ACCESS_KEY; looked for: AWS_ACCESS_KEY_ID"),
    ({"AWS_PROFILE": "nobody"}, "(nobody) could not be found; looked for"),
    ({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "t",
      "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}, "expired; looked for"),
])
def test_credentials_that_are_missing_or_have_expired_are_named(variables, told, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    source = TokenSource(REGION)
    with pytest.raises(BusError, match=re.escape(told)) as caught:
        source.token()
    assert SECRET not in str(caught.value)


def test_every_client_says_at_once_that_there_are_no_credentials():
    access = KafkaAccess.of(NAMED)
    for make in (Administrator, Appender, Teller, lambda *words: Fetcher(*words, "live.observer")):
        with pytest.raises(BusError, match="no AWS credentials for AWS_MSK_IAM"):
            make(ADDRESS, access)


def test_a_later_failure_is_logged_and_told_to_the_client(credentials, monkeypatch):
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2999-01-01T00:00:00Z")
    callback = token_callback(REGION)
    assert callback(None)[0]

    monkeypatch.setattr(TokenSource, "_credentials", lambda _self: (_ for _ in ()).throw(BusError("expired")))
    with capture_logs() as lines, pytest.raises(BusError):
        callback(None)
    assert lines == [{"event": "kafka_token_not_made", "error": "expired", "log_level": "warning"}]


def test_the_environment_says_that_it_is_msk():
    access = KafkaAccess.of(NAMED)
    assert access.settings == {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
    assert access.msk_region == REGION
    assert KafkaAccess.of({"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "AWS_DEFAULT_REGION": "us-gov-west-1"}
                          ).msk_region == "us-gov-west-1"
    assert KafkaAccess.of(NAMED | {"AWS_DEFAULT_REGION": "us-east-1"}).msk_region == REGION


@pytest.mark.parametrize(("changed", "told"), [
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
     "KAFKA_SECURITY_PROTOCOL is 'SASL_PLAINTEXT'; allowed with KAFKA_SASL_MECHANISM 'AWS_MSK_IAM': SASL_SSL"),
    ({"KAFKA_SECURITY_PROTOCOL": "SSL"},
     "KAFKA_SECURITY_PROTOCOL is 'SSL'; allowed with KAFKA_SASL_MECHANISM 'AWS_MSK_IAM': SASL_SSL"),
    ({"AWS_REGION": ""}, "AWS_REGION is not set; AWS_MSK_IAM needs the region of the cluster, in AWS_REGION or"),
    ({"AWS_REGION": "evil.example/"}, "AWS_REGION is 'evil.example/'; allowed: the name of an AWS region"),
])
def test_what_does_not_go_with_msk_is_refused_by_name(changed, told):
    with pytest.raises(BusError, match=re.escape(told)):
        KafkaAccess.of(NAMED | changed)


def test_without_botocore_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(BusError, match=re.escape("pip install 'algotrade[msk]'")):
        Administrator(ADDRESS, KafkaAccess.of(NAMED))
