"""How we show Amazon MSK who we are: an OAUTHBEARER token that is a request to connect, signed with AWS credentials.

The token is a presigned URL of the action ``kafka-cluster:Connect`` (Signature Version 4), as URL-safe base64 without
padding; brokers check it as AWS checks any request. Credentials come from AWS's usual chain: environment, profile,
web identity, the role of a container or an instance. Needs the extra ``msk`` (botocore: that chain, and its signer).
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from algotrade.bus.port import BusError
from algotrade.telemetry import get_log

TOKEN_S = 900
"""How long a token is good for; Kafka's client asks for the next one when four fifths of it have passed."""

USER_AGENT = "algotrade"
ACTION = "kafka-cluster:Connect"
SERVICE = "kafka-cluster"

CHAIN = ("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where they are temporary), AWS_PROFILE, "
         "AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or the role of the container or the instance")


class TokenSource:
    """Makes tokens for the brokers of one ``region``.

    Raises ``BusError`` where botocore is not installed; credentials are looked for when a token is made.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._session = _session()

    def token(self) -> tuple[str, float]:
        """Return a new token, and when it expires, seconds since 1970-01-01 UTC.

        Raises ``BusError`` where no credentials are found, or where those that are have expired.
        """
        from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 -- the extra, where it is used
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest("GET", f"https://kafka.{self._region}.amazonaws.com/", params={"Action": ACTION})
        SigV4QueryAuth(self._credentials(), SERVICE, self._region, expires=TOKEN_S).add_auth(request)
        signed_at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        # Not among what is signed: it only tells whoever reads the brokers' log who it was.
        url = f"{request.url}&User-Agent={quote(USER_AGENT)}"
        return urlsafe_b64encode(url.encode()).decode().rstrip("="), signed_at.timestamp() + TOKEN_S

    def _credentials(self) -> Any:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        try:
            found = self._session.get_credentials()
            frozen = found and found.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:
            # RuntimeError is what botocore raises for credentials that have expired and come back no newer.
            why = str(error).rstrip(".")
            raise BusError(f"no AWS credentials for AWS_MSK_IAM: {why}; looked for: {CHAIN}") from error
        if frozen is None:
            raise BusError(f"no AWS credentials for AWS_MSK_IAM; looked for: {CHAIN}")
        return frozen


def token_callback(region: str) -> Callable[[str | None], tuple[str, float]]:
    """Return what Kafka's client calls for a token: once while it is made, then before each one expires.

    It calls from a thread of its own, and tells nobody why there was none: so the first token is tried here, where a
    ``BusError`` reaches who asked for the client, and a later failure is logged. The client asks again by itself.
    """
    source = TokenSource(region)
    source.token()

    def made(_config: str | None) -> tuple[str, float]:
        try:
            return source.token()
        except BusError as error:
            get_log().warning("kafka_token_not_made", error=str(error))
            raise

    return made


def _session() -> Any:
    try:
        from botocore.session import Session  # noqa: PLC0415
    except ImportError as error:
        raise BusError("KAFKA_SASL_MECHANISM AWS_MSK_IAM needs the extra msk: pip install 'algotrade[msk]'") from error
    return Session()
