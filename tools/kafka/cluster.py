"""Real Apache Kafka on this machine: one broker or three, in KRaft mode, on free ports of the loopback interface.

``running`` gives a cluster to a test, a benchmark or the command (``__main__``). Needs Java 17 or newer, and Maven for
the first start, which downloads the brokers' jars (55 MB).
"""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

POM = Path(__file__).with_name("pom.xml")
READY_S_MAX = 90.0
STOP_S_MAX = 30.0

# Small heaps and one compiler tier: three brokers share two cores with what they serve.
JVM = ("-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.disable.jmx=true")

PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENT://{host}:{client},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://{advertised},INSIDE://127.0.0.1:{inside}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listener.security.protocol.map=CLIENT:{security},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that died is known to be dead after this: orders flow again once its partitions have another leader.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1500
replica.lag.time.max.ms=5000
log.retention.check.interval.ms=10000
log.segment.delete.delay.ms=1000
"""


class Cluster:
    """``brokers`` nodes with their data under ``folder``; ``start``, then ``address``, at the end ``stop``.

    ``security``    of the clients' listener: PLAINTEXT, SASL_PLAINTEXT, SSL or SASL_SSL
    ``properties``  lines added to every node's configuration
    ``scram``       user -> password, known from the first start
    ``advertised``  HOST:PORT that clients of a single node are told instead of its own: that of a proxy before it
    ``jvm``         further options of the nodes' virtual machines
    """

    def __init__(self, folder: Path, brokers: int = 1, *, security: str = "PLAINTEXT",
                 properties: Mapping[str, str] = {}, scram: Mapping[str, str] = {}, advertised: str = "",
                 jvm: Sequence[str] = ()) -> None:
        assert brokers == 1 or not advertised, f"{brokers} nodes cannot all be found at {advertised}"
        self._folder = folder
        self._nodes = range(1, brokers + 1)
        self._security = security
        self._properties = dict(properties)
        self._scram = dict(scram)
        self._advertised = advertised
        self._jvm = jvm
        self._ports = {(node, role): port for (node, role), port in zip(
            [(node, role) for node in self._nodes for role in ("client", "inside", "controller")],
            _free_ports(3 * brokers), strict=True)}
        self._id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Return HOST:PORT of every node, separated by commas."""
        return ",".join(f"127.0.0.1:{self._ports[node, 'client']}" for node in self._nodes)

    def start(self) -> None:
        """Format the nodes' storage and start them; returns when ``ready`` does."""
        for node in self._nodes:
            self._format(node)
            self.start_node(node)

    def start_node(self, node: int) -> None:
        """Start one node, again perhaps, on the data it has."""
        with (self._folder / str(node) / "log.txt").open("ab") as log:
            self._processes[node] = subprocess.Popen([*_dies_with_parent(), *self.command(node)], stdout=log,
                                                     stderr=log, start_new_session=True)

    def command(self, node: int) -> list[str]:
        """Return the words that run a node until it is told to stop."""
        return [*java(), *self._jvm, "kafka.Kafka", str(self._folder / str(node) / "server.properties")]

    def properties(self, node: int, *, data: str, host: str = "127.0.0.1") -> dict[str, str]:
        """Return a node's configuration, with its data in the folder ``data`` and its clients' listener on ``host``."""
        voters = ",".join(f"{n}@127.0.0.1:{self._ports[n, 'controller']}" for n in self._nodes)
        ports = {role: self._ports[node, role] for role in ("client", "inside", "controller")}
        text = PROPERTIES.format(node=node, voters=voters, data=data, host=host, security=self._security,
                                 advertised=self._advertised or f"127.0.0.1:{ports['client']}",
                                 copies=min(len(self._nodes), 3), in_sync=2 if len(self._nodes) >= 3 else 1, **ports)
        lines = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
        return {key: value for key, _, value in lines} | self._properties

    def stop_node(self, node: int) -> None:
        """Stop one node in order, and wait until it is gone."""
        process = self._processes[node]
        process.terminate()
        process.wait(STOP_S_MAX)

    def leader(self, topic: str) -> int:
        """Return the node that leads the first partition of ``topic``."""
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        return int(admin.list_topics(topic, timeout=READY_S_MAX).topics[topic].partitions[0].leader)

    def wait_in_sync(self) -> None:
        """Return once every copy of every partition is in sync; raises ``TimeoutError``."""
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            try:
                topics = admin.list_topics(timeout=1).topics.values()
                if all(len(p.isrs) == len(p.replicas) and p.leader >= 0
                       for topic in topics for p in topic.partitions.values()):
                    return
            except KafkaException:
                pass  # Not yet.
            time.sleep(0.2)
        raise TimeoutError(f"copies are not in sync after {READY_S_MAX:.0f} s")

    def wait_ready(self, admin_settings: Mapping[str, Any] = {}, brokers: int | None = None) -> None:
        """Return once so many nodes (default: all) answer; raises ``TimeoutError`` with the log's end."""
        wanted = len(self._nodes) if brokers is None else brokers
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, **admin_settings})
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            try:
                if len(admin.list_topics(timeout=1).brokers) >= wanted:
                    return
            except KafkaException:
                pass  # Not yet.
            for node, process in self._processes.items():
                if process.poll() not in (None, -signal.SIGKILL):
                    raise RuntimeError(f"node {node} ended with {process.returncode}:\n{self.log(node)}")
        raise TimeoutError(f"no cluster after {READY_S_MAX:.0f} s:\n{self.log(self._nodes[0])}")

    def log(self, node: int) -> str:
        """Return the end of a node's log."""
        return "\n".join((self._folder / str(node) / "log.txt").read_text(errors="replace").splitlines()[-30:])

    def signal(self, node: int, number: int) -> None:
        """Send a signal to one node: SIGKILL, SIGSTOP, SIGCONT, SIGTERM."""
        self._processes[node].send_signal(number)

    def kill(self, node: int) -> None:
        """Kill a node and wait until it is gone."""
        self.signal(node, signal.SIGKILL)
        self._processes[node].wait()

    def stop(self) -> None:
        """Stop what still runs; what does not stop in time is killed."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + STOP_S_MAX
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _format(self, node: int) -> None:
        home = self._folder / str(node)
        home.mkdir(parents=True)
        config = home / "server.properties"
        properties = self.properties(node, data=str(home / "data"))
        config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        words = [*java(), "kafka.tools.StorageTool", "format", f"--cluster-id={self._id}",
                 "--config", str(config)]
        for user, password in self._scram.items():
            words += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"storage of node {node}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def running(brokers: int = 1, *, kind: Callable[..., Cluster] = Cluster, folder: Path | None = None,
            admin_settings: Mapping[str, Any] = {}, **options: Any) -> Iterator[Cluster]:
    """Give a cluster that is ready, and stop it at the end of the block.

    ``folder``          where its data goes, and stays; default: a temporary folder that is removed
    ``admin_settings``  with which the brokers let in who asks whether they are ready
    ``options``         as ``kind`` takes them

    Raises ``RuntimeError`` or ``TimeoutError`` with the end of a node's log where it does not come up.
    """
    if kind is Cluster:
        _learn_classes()
    with contextlib.ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
        cluster = kind(home, brokers, **options)
        stack.callback(cluster.stop)
        cluster.start()
        cluster.wait_ready(admin_settings)
        yield cluster


def version() -> str:
    """Return which Kafka is run."""
    line = next(line for line in POM.read_text().splitlines() if "<kafka.version>" in line)
    return line.split(">")[1].split("<")[0]


def java() -> list[str]:
    """Return the words that a program of Kafka's begins with."""
    archive = _archive()
    shared = [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if archive.exists() else []
    return ["java", *JVM, *shared, "-cp", classpath()]


def classpath() -> str:
    """Return the brokers' jars, downloaded once into the user's cache."""
    folder = _cache() / f"kafka-{version()}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix="kafka-"))
        words = ["mvn", "--quiet", "--batch-mode", "--file", str(POM), "dependency:copy-dependencies",
                 f"-DoutputDirectory={new}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(new)
            raise RuntimeError(f"Maven could not fetch Kafka: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        try:
            new.rename(folder)
        except OSError:
            shutil.rmtree(new)  # Another start was quicker.
    return f"{folder}/*"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "algotrade"


def _archive() -> Path:
    """Return where the brokers' classes lie as a virtual machine has them in memory; one of another Java is ignored."""
    return _cache() / f"kafka-{version()}.jsa"


def _learn_classes() -> None:
    """Write the archive, if there is none, as a node ends: every start after this one takes half the time."""
    archive = _archive()
    if archive.exists():
        return
    new = archive.with_name(f"{archive.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="kafka-") as home:
        node = Cluster(Path(home), jvm=[f"-XX:ArchiveClassesAtExit={new}"])
        try:
            node.start()
            node.wait_ready()
        finally:
            node.stop()
    if new.exists():  # Else this Java writes none, and the nodes start as they can.
        new.replace(archive)


def missing_tools() -> list[str]:
    """Return which of the programs that a cluster needs are not there."""
    return [name for name in ("java", "mvn") if shutil.which(name) is None]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _dies_with_parent() -> list[str]:
    """Return the words before a command that let the kernel end it when its parent is gone: a JVM would not notice."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
