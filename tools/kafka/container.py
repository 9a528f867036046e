"""Apache Kafka from its official image, in podman or docker, for a machine without Java or Maven: one broker.

It has the properties of any other node here, handed over as the image takes them (``KAFKA_A_B`` is a.b). Its clients'
listener alone is published, on the loopback interface alone, and what was written goes with the container. A start
that is killed (-9) leaves the container behind, as algotrade-kafka-PORT.
"""

import shutil
import subprocess
from pathlib import Path

from tools.kafka.cluster import Cluster, version

ENGINES = ("podman", "docker")
IMAGE = f"apache/kafka:{version()}"
DATA = "/var/lib/kafka/data"
"""Where the image's user may write."""


def found_engine() -> str | None:
    """Return the first of ``ENGINES`` on the PATH."""
    return next((name for name in ENGINES if shutil.which(name)), None)


class Container(Cluster):
    """One broker in a container of ``engine``; Java and Maven are not needed."""

    def __init__(self, folder: Path, brokers: int = 1, *, engine: str) -> None:
        assert brokers == 1, f"{brokers} brokers in containers"
        super().__init__(folder)
        self._engine = engine

    def start(self) -> None:
        """Fetch the image where it is not there yet, and start the broker; the image formats its storage itself.

        Raises ``RuntimeError`` with what the engine says where the image cannot be had.
        """
        (self._folder / "1").mkdir(parents=True)
        if self._asked("image", "inspect", IMAGE).returncode:
            # Before the start, whose time is bounded: how long this takes is the network's business.
            done = self._asked("pull", IMAGE)
            if done.returncode:
                raise RuntimeError(f"{self._engine} could not fetch {IMAGE}: {done.stderr.strip()}")
        self.start_node(1)

    def command(self, node: int) -> list[str]:
        """Return the words that run the broker; the engine hands it the signal that ends them."""
        port = self._ports[node, "client"]
        words = [self._engine, "run", "--rm", "--name", f"algotrade-kafka-{port}", "--publish",
                 f"127.0.0.1:{port}:{port}", "--env", f"CLUSTER_ID={self._id}"]
        # Inside, the loopback interface is the container's own: the engine forwards to another one.
        for key, value in self.properties(node, data=DATA, host="0.0.0.0").items():  # noqa: S104
            words += ["--env", f"KAFKA_{key.replace('.', '_').upper()}={value}"]
        return [*words, IMAGE]

    def _asked(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._engine, *words], capture_output=True, text=True, check=False)
