"""A broker that asks for a name and a password (SASL/SCRAM), and has rules for who may do what."""

from algotrade.bus.kafka import KafkaAccess
from algotrade.bus.topics import DATA_PLANE, ORDER_PLANE, STRATEGY_PLANE

USERS = {DATA_PLANE: "data", STRATEGY_PLANE: "strategy", ORDER_PLANE: "orders"}
PASSWORDS = {user: f"{user}-word" for user in ("admin", *USERS.values())}  # the passwords of a broker of one test

PROPERTIES = {
    "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.client.scram-sha-512.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:admin;User:ANONYMOUS",  # brokers among themselves show no name
    "allow.everyone.if.no.acl.found": "false",
}


def variables(user, password=None):
    """Return the environment in which we are ``user``."""
    return {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password or PASSWORDS[user]}


def scram(user, password=None):
    return KafkaAccess.of(variables(user, password))
