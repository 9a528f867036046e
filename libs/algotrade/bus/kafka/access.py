"""Where the cluster is, and who we are there."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from algotrade.bus.port import BusError

SCHEME = "kafka"
_RUN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MSK_IAM = "AWS_MSK_IAM"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", MSK_IAM)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")

_VARIABLES = {
    "KAFKA_SECURITY_PROTOCOL": "security.protocol",
    "KAFKA_SASL_MECHANISM": "sasl.mechanism",
    "KAFKA_SASL_USERNAME": "sasl.username",
    "KAFKA_SASL_PASSWORD": "sasl.password",
    "KAFKA_SSL_CA_LOCATION": "ssl.ca.location",
    "KAFKA_SSL_CERTIFICATE_LOCATION": "ssl.certificate.location",
    "KAFKA_SSL_KEY_LOCATION": "ssl.key.location",
    "KAFKA_SSL_KEY_PASSWORD": "ssl.key.password",
}
SERVERS_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


class KafkaAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``kafka://HOST:PORT[,HOST:PORT...][/RUN]``.

    ``servers``  to begin with; the others are learnt from them
    ``run``      what the names of a run's topics begin with; empty = none was named
    """

    servers: tuple[str, ...]
    run: str = ""

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str]) -> "KafkaAddress":
        """Return the parts of ``url``; ``kafka://`` without hosts takes those of KAFKA_BOOTSTRAP_SERVERS."""
        scheme, separator, rest = url.partition("://")
        hosts, _, run = rest.partition("/")
        hosts = hosts or environ.get(SERVERS_VARIABLE, "")
        servers = tuple(host.strip() for host in hosts.split(","))
        if scheme != SCHEME or not separator or not all(_HOST.fullmatch(host) for host in servers) or (
                run and not _RUN.fullmatch(run)):
            raise BusError(f"bus address {url!r} is none; allowed: {SCHEME}://HOST:PORT[,HOST:PORT...][/RUN], RUN of "
                           f"a-z, 0-9, - and _; without hosts {SERVERS_VARIABLE} names them")
        return cls(servers=servers, run=run)

    def __str__(self) -> str:
        return f"{SCHEME}://{','.join(self.servers)}" + (f"/{self.run}" if self.run else "")


class KafkaAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to show who we are. Its ``repr`` shows no values: some are secrets.

    ``settings``    librdkafka's, by name
    ``msk_region``  the AWS region of an Amazon MSK cluster that we show AWS credentials to (``msk``); empty = none is
    """

    settings: dict[str, str] = {}
    msk_region: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "KafkaAccess":
        """Return what the KAFKA_* variables say; raises ``BusError`` for a value that is not allowed."""
        settings = {name: environ[variable] for variable, name in _VARIABLES.items() if environ.get(variable)}
        with_aws = settings.get("sasl.mechanism") == MSK_IAM
        protocol = settings.setdefault("security.protocol", "SASL_SSL" if with_aws else "PLAINTEXT")
        if protocol not in PROTOCOLS:
            raise BusError(f"KAFKA_SECURITY_PROTOCOL is {protocol!r}; allowed: {', '.join(PROTOCOLS)}")
        _check_sasl(protocol, settings)
        for variable, name in _VARIABLES.items():
            if name.endswith(".location") and name in settings and not Path(settings[name]).exists():
                raise BusError(f"{variable} is {settings[name]!r}, which is not there; allowed: a PEM file")
        if not with_aws:
            return cls(settings=settings)
        # On the wire, MSK's mechanism is a token over OAUTHBEARER, for every client but Java's.
        return cls(settings=settings | {"sasl.mechanism": "OAUTHBEARER"}, msk_region=_region(environ))

    def __repr__(self) -> str:
        return f"KafkaAccess({', '.join(sorted(self.settings))})"


def _check_sasl(protocol: str, settings: Mapping[str, str]) -> None:
    mechanism = settings.get("sasl.mechanism", "")
    protocols = ("SASL_SSL",) if mechanism == MSK_IAM else ("SASL_PLAINTEXT", "SASL_SSL")
    if mechanism and protocol not in protocols:
        # Without SASL it would connect without a name, and be let in where brokers do not ask for one.
        raise BusError(f"KAFKA_SECURITY_PROTOCOL is {protocol!r}; allowed with KAFKA_SASL_MECHANISM {mechanism!r}: "
                       f"{', '.join(protocols)}")
    if protocol not in protocols:
        return
    if mechanism not in MECHANISMS:
        raise BusError(f"KAFKA_SASL_MECHANISM is {mechanism!r}; allowed with {protocol}: {', '.join(MECHANISMS)}")
    for variable in () if mechanism == MSK_IAM else ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"):
        if _VARIABLES[variable] not in settings:
            raise BusError(f"{variable} is not set; {mechanism} needs a name and a password")


def _region(environ: Mapping[str, str]) -> str:
    for variable in REGION_VARIABLES:
        if region := environ.get(variable):
            if not _REGION.fullmatch(region):
                raise BusError(f"{variable} is {region!r}; allowed: the name of an AWS region, such as eu-west-1")
            return region
    raise BusError(f"{REGION_VARIABLES[0]} is not set; {MSK_IAM} needs the region of the cluster, in "
                   f"{' or '.join(REGION_VARIABLES)}")
