"""Where market data enters: files as one merged replay, the quality gate, and the tools that look files over."""

from algotrade.feeds.check import CheckReport, Example, check
from algotrade.feeds.convert import Converted, convert
from algotrade.feeds.facts import FileFacts, inspect, instruments_of
from algotrade.feeds.pace import Pace, Paced
from algotrade.feeds.port import Feed, FeedError, LiveFeed
from algotrade.feeds.quality import QualityGate, QualityRules, Verdict
from algotrade.feeds.replay import ReplayFeed
from algotrade.feeds.sample import write_sample

__all__ = [
    "CheckReport", "Converted", "Example", "Feed", "FeedError", "FileFacts", "LiveFeed", "Pace", "Paced", "QualityGate",
    "QualityRules", "ReplayFeed", "Verdict", "check", "convert", "inspect", "instruments_of", "write_sample",
]
