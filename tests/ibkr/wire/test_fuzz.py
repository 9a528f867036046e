"""Mutated frames: refused with a WireError or decoded to a message that encodes again, and nothing else changes.

`make fuzz-wire` sends a million; the suite a slice. WIRE_FUZZ_FRAMES says how many, WIRE_FUZZ_SEED repeats a run.
"""

import collections
import os
import random
import sys

import psutil

from algotrade.ibkr.wire import FRAME_BYTES_MAX, Answer, Codec, Splitter, WireError
from tests.ibkr.wire.messages import MESSAGES, random_message
from tests.ibkr.wire.mutations import Mutator

FRAMES = int(os.environ.get("WIRE_FUZZ_FRAMES", "30000"))
SEED = int(os.environ.get("WIRE_FUZZ_SEED", "1"))
VERSIONS = (157, 163, 164, 170, 176, 178)
WARM_UP = FRAMES // 10
RSS_GROWTH_MAX = 50 * 2**20
WAITING_MAX = FRAME_BYTES_MAX + 4
# How many frames a splitter that waits for a length that lies is given, before a new connection takes its place.
FRAMES_WHILE_WAITING = 20


def test_mutated_frames_are_refused_or_understood(capsys):
    fuzz = Fuzz(SEED)
    process = psutil.Process()
    rss = process.memory_info().rss
    peak = rss
    # What a splitter swallows while it waits for a length that lied reaches no decoder, and does not count.
    while fuzz.outcomes.total() < FRAMES:
        fuzz.step()
        if fuzz.steps == WARM_UP:
            rss = peak = process.memory_info().rss
        elif fuzz.steps % 1000 == 0:
            peak = max(peak, process.memory_info().rss)
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {fuzz.outcomes.total():,} mutated frames, {dict(fuzz.outcomes)}; at most "
            f"{fuzz.waiting_peak:,} bytes held; RSS grew by {(peak - rss) / 2**20:.1f} MiB\n")
    assert peak - rss <= RSS_GROWTH_MAX
    assert fuzz.waiting_peak <= WAITING_MAX
    assert fuzz.outcomes["decoded"] > FRAMES // 20
    assert fuzz.outcomes["refused"] > FRAMES // 5


class Fuzz:
    """One codec for each version and one connection each way, kept through every frame, so that damage would stay."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 -- repeatable, not secret
        self.codecs = {version: Codec(version) for version in VERSIONS}
        self.examples = []
        for version in VERSIONS:
            for message in MESSAGES:
                for n in range(2):
                    made = random_message(message, version, f"fuzz {n}")
                    self.examples.append((version, made, self.codecs[version].encode(made)))
        self.mutator = Mutator(self.rng, [frame for _, _, frame in self.examples])
        self.splitter = Splitter()
        self.frames_waited = 0
        self.steps = 0
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.waiting_peak = 0

    def step(self) -> None:
        self.steps += 1
        version, message, frame = self.rng.choice(self.examples)
        mutated = self.mutator.mutated(frame)
        codec = self.codecs[version]
        try:
            for payload in self.payloads(mutated):
                self.decode(codec, payload, is_answer=isinstance(message, Answer))
            if self.rng.randrange(4) == 0:
                self.check_nothing_changed()
        except Exception as error:
            raise AssertionError(f"seed {SEED}, step {self.steps}, version {version}: {mutated[:400]!r}") from error

    def payloads(self, mutated: bytes) -> list[bytes]:
        """Return what the connection makes of a frame that arrives in up to three pieces."""
        cuts = sorted(self.rng.randrange(len(mutated) + 1) for _ in range(self.rng.choice((0, 0, 1, 2))))
        found = []
        try:
            for begin, end in zip([0, *cuts], [*cuts, len(mutated)], strict=True):
                found += self.splitter.feed(mutated[begin:end])
        except WireError:
            self.outcomes["broken stream"] += 1
            self.splitter = Splitter()
        self.waiting_peak = max(self.waiting_peak, self.splitter.waiting_bytes)
        self.frames_waited = self.frames_waited + 1 if self.splitter.waiting_bytes else 0
        if self.frames_waited > FRAMES_WHILE_WAITING:
            self.splitter, self.frames_waited = Splitter(), 0
        return found

    def decode(self, codec: Codec, payload: bytes, *, is_answer: bool) -> None:
        decode = codec.decode_answer if is_answer else codec.decode_request
        try:
            message = decode(payload)
        except WireError:
            self.outcomes["refused"] += 1
            return
        self.outcomes["decoded"] += 1
        assert decode(codec.encode(message)[4:]) == message

    def check_nothing_changed(self) -> None:
        version, message, frame = self.rng.choice(self.examples)
        codec = self.codecs[version]
        if not self.splitter.waiting_bytes:
            assert self.splitter.feed(frame) == [frame[4:]]
        decode = codec.decode_answer if isinstance(message, Answer) else codec.decode_request
        assert decode(frame[4:]) == message
        assert codec.encode(message) == frame


def test_the_longest_frame_is_held_once():
    """A peer that claims 16 MiB and sends them in small pieces costs that much memory, not several times."""
    splitter, process = Splitter(), psutil.Process()
    rss = process.memory_info().rss
    peak = 0
    splitter.feed(b"\x00\xff\xff\xff")
    piece = b"x" * 65_521
    for _ in range(FRAME_BYTES_MAX // len(piece)):
        assert splitter.feed(piece) == []
        peak = max(peak, process.memory_info().rss)
    assert splitter.waiting_bytes <= WAITING_MAX
    assert peak - rss <= RSS_GROWTH_MAX
    (payload,) = splitter.feed(b"x" * (FRAME_BYTES_MAX % len(piece)))
    assert len(payload) == FRAME_BYTES_MAX
    assert splitter.waiting_bytes == 0
