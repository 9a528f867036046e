"""The mark of what takes minutes: ``make torture-kafka`` runs it, ``make test-kafka`` does without."""

import os

import pytest

long = pytest.mark.skipif(os.environ.get("KAFKA_CHAOS") != "1", reason="takes minutes: make torture-kafka")
