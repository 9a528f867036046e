"""The one folder that knows Kafka's client: all of confluent-kafka's types and errors end here.

``settings`` says how every client is configured, ``errors`` what their errors mean to us, ``headers`` what a record
carries; ``producers`` append, ``consumers`` read and sit in groups, ``administrator`` asks for all else.
"""

from algotrade.bus.kafka.client.administrator import Administrator
from algotrade.bus.kafka.client.consumers import Fetcher, Seats
from algotrade.bus.kafka.client.producers import Appender, Teller
from algotrade.bus.kafka.client.settings import LOOK_S_MAX, REQUEST_S_MAX

__all__ = ["LOOK_S_MAX", "REQUEST_S_MAX", "Administrator", "Appender", "Fetcher", "Seats", "Teller"]
