"""Plays a script to the real server over sockets, and holds what it answers against the script."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

from algotrade.domain import SimulatedClock
from algotrade.gateway import Hosted
from algotrade.ibkr.wire import Codec, Splitter, framed
from algotrade.ibkr.wire.answers.link import CurrentTime, ErrorMessage
from algotrade.ibkr.wire.requests import RequestCurrentTime, StartApi
from tests.conformance.script import Script, Step, asked, at_version, fields_of, fits, is_named, told
from tests.conformance.worlds import options_of
from tests.gateway.raw import WAIT_S, greeting
from tests.gateway.world import SECOND_NS, served

MESSAGE_NS = 21_000_000
"""The host's clock moves on so much with each message, so that no script is too fast by accident."""
HELD_BACK_MAX = 40
"""More messages than these in one piece, and the host's clock moves on a second before anybody speaks again."""
MODES = ("as written", "byte by byte", "in one piece")
BEGIN_NS = 1_000 * SECOND_NS

Heard = list[tuple[int, bytes]]
"""What came, in order of each connection: its number and a payload."""


class Link:
    """One socket of a script."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.splitter = Splitter()
        self.codec: Codec | None = None
        self.is_started = False
        self.heard: list[bytes] = []

    def read(self) -> bool:
        """Read once; False at the end."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.heard += self.splitter.feed(data)
        return bool(data)

    def until(self, count: int) -> None:
        """Read until so many payloads were heard."""
        while len(self.heard) < count:
            assert self.read(), f"closed by the Gateway; heard {self.heard[-3:]}"

    def settled(self) -> list[bytes]:
        """Return all that the Gateway has to say: it answers in order, so what comes before the time is all."""
        assert self.codec is not None
        self.socket.sendall(self.codec.encode(RequestCurrentTime()))
        while not (self.heard and self.heard[-1].split(b"\0", 1)[0] == b"%d" % CurrentTime.ID):
            assert self.read(), f"closed by the Gateway; heard {self.heard[-3:]}"
        heard, self.heard = self.heard[:-1], []
        return heard

    def rest(self) -> list[bytes]:
        """Return what comes until the end."""
        while self.read():
            pass
        heard, self.heard = self.heard, []
        return heard


class Play:
    """A script at one version, in one of the modes; ``blocks`` yields what was wanted and what came."""

    def __init__(self, script: Script, version: int, mode: str, hosted: Hosted, clock: SimulatedClock) -> None:
        self.script, self.version, self.mode = script, version, mode
        self.hosted, self.clock = hosted, clock
        self.links: dict[int, Link] = {}
        self._sent = 0

    def blocks(self) -> Iterator[tuple[list[Step], Heard]]:
        """Play block by block: what is sent between two looks at what came."""
        for block in blocks(self.script, self.mode):
            acts = [step for step in block if step.kind not in {"out", "closed"}]
            ends = [step.link for step in block if step.kind == "closed"]
            sent = [step for step in acts if step.kind == "in"]
            for step in acts:
                if step.kind != "in":
                    self._act(step)
            self._send(sent)
            wanted = [step.link for step in block if step.kind == "out"]
            yield block, self._heard(ends, wanted)

    def _act(self, step: Step) -> None:
        if step.kind == "time":
            step_ns = round(float(step.text) * SECOND_NS)
            self._pass(step_ns)
            self.hosted.advance(step_ns)
            return
        link = self.links[step.link] = Link(self.hosted.port)
        if step.kind == "hello":
            self._write(link, _hello(step.text))
            return
        link.socket.sendall(greeting(157, 178))
        link.until(1)
        link.codec = Codec(self.version)
        assert link.heard.pop().startswith(b"%d\0" % self.version)
        link.socket.sendall(link.codec.encode(StartApi(client_id=int(step.text))))
        heard = [link.codec.decode_answer(payload) for payload in link.settled()]
        assert [m.code for m in heard if isinstance(m, ErrorMessage)][:3] == [2104, 2106, 2158], heard
        link.is_started = True

    def _send(self, steps: list[Step]) -> None:
        if not steps:
            return
        link = self.links[steps[0].link]
        for step in steps:
            if step.text.split("|")[0] == "71":
                link.codec, link.is_started = Codec(self.version), True
        data = b"".join(asked(step.text, self.version) for step in steps)
        self._write(link, data)
        self._sent = len(steps)
        if len(steps) <= HELD_BACK_MAX:
            self._pass(len(steps) * MESSAGE_NS)

    def _write(self, link: Link, data: bytes) -> None:
        if self.mode == "byte by byte":
            for byte in data:
                link.socket.sendall(bytes([byte]))
        else:
            link.socket.sendall(data)

    def _heard(self, ends: list[int], wanted: list[int]) -> Heard:
        heard: Heard = []
        if self._sent > HELD_BACK_MAX:
            # Taken before the clock moves: the last one's answers are there.
            for number in set(wanted):
                self.links[number].until(wanted.count(number))
            self._pass(2 * SECOND_NS)
        for number, link in list(self.links.items()):
            if number in ends:
                heard += [(number, payload) for payload in link.rest()]
                self._gone(number)
            elif link.is_started:
                self._pass(MESSAGE_NS)
                heard += [(number, payload) for payload in link.settled()]
            else:
                link.until(1)  # the greeting
                heard += [(number, payload) for payload in link.heard]
                link.heard = []
        self._sent = 0
        return heard

    def _pass(self, step_ns: int) -> None:
        self.hosted.call(lambda _: self.clock.advance_to(self.clock.monotonic_ns() + step_ns))

    def _gone(self, number: int) -> None:
        self.links.pop(number).socket.close()

    def close(self) -> None:
        """Close the sockets that are left."""
        for number in list(self.links):
            self._gone(number)


def _hello(text: str) -> bytes:
    """Return a greeting; the words of ``text`` are options behind the range of versions."""
    return b"API\0" + framed(text.encode())


def blocks(script: Script, mode: str) -> list[list[Step]]:
    """Cut a script: at every line that is sent, or, for what goes in one piece, where somebody else acts."""
    found: list[list[Step]] = []
    for step in script.steps:
        if step.kind in {"out", "closed"}:
            found[-1].append(step)
            continue
        last = next((s for s in reversed(found[-1]) if s.kind != "out"), None) if found else None
        goes_on = (mode == "in one piece" and last is not None and (last.kind, step.kind) == ("in", "in")
                   and last.link == step.link)
        if goes_on:
            found[-1].append(step)
        else:
            found.append([step])
    return found


def play(script: Script, version: int, mode: str) -> Iterator[tuple[list[Step], Heard]]:
    """Play a script to a Gateway of its own."""
    batch, options = options_of(script.header.get("world", "plain"))
    clock = SimulatedClock(BEGIN_NS)
    with ExitStack() as stack:
        hosted = stack.enter_context(served(batch, version_max=version, clock=clock, **options))
        playing = Play(script, version, mode, hosted, clock)
        stack.callback(playing.close)
        yield from playing.blocks()


def check(script: Script, version: int, mode: str) -> list[bytes]:
    """Play a script and hold every answer against it; return the answers that were behind the handshake."""
    known: dict[str, str] = {"{version}": str(version)}
    answers: list[bytes] = []
    for block, heard in play(script, version, mode):
        wanted = [step for step in block if step.kind == "out"]
        for number in sorted({step.link for step in wanted} | {link for link, _ in heard}):
            ours = [step for step in wanted if step.link == number]
            came = [payload for link, payload in heard if link == number]
            for step, payload in zip(ours, came, strict=False):
                assert matches(step.text, payload, version, known), (
                    f"{script.path.name}, line {step.line}, version {version}, {mode}:\n"
                    f"wanted {step.text}\ncame   {shown(step.text, payload, version)}\nknown  {known}")
            where = f"{script.path.name}, block at line {block[0].line}, version {version}, {mode}, link {number}"
            assert len(came) <= len(ours), f"{where}: not wanted: {came[len(ours):]}"
            assert len(ours) <= len(came), f"{where}: did not come: {ours[len(came):]}"
            answers += [payload for payload in came if not _is_greeting(payload, block)]
    return answers


def _is_greeting(payload: bytes, block: list[Step]) -> bool:
    return block[0].kind == "hello" and payload.count(b"\0") == 2 and payload[:3].isdigit()


def matches(text: str, payload: bytes, version: int, known: dict[str, str]) -> bool:
    """Tell whether an answer is what a line wants."""
    if is_named(text):
        return fits(text.split(" "), words(payload, version), known)
    return fits(at_version(text, version), fields_of(payload), known)


def words(payload: bytes, version: int) -> list[str]:
    """Return an answer by names; a blank within a value is shown as an underscore."""
    return [word.replace(" ", "_") for word in told(payload, version)]


def shown(text: str, payload: bytes, version: int) -> str:
    """Return an answer in the form of a line."""
    return " ".join(words(payload, version)) if is_named(text) else "|".join(fields_of(payload))
