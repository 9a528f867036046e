"""`make kafka` where Java or Maven is missing: what podman or docker is told, and what is said where neither is there.

No image is fetched here. In its place stands an engine that does with our words what the image does with them: its own
set-up (which Kafka's jars carry) writes the properties and formats the storage, then the broker runs.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from algotrade.bus import Outgoing
from algotrade.bus.kafka import KafkaAccess, KafkaAddress, KafkaBus, create_topics
from algotrade.bus.topics import DATA_PLANE
from tools.kafka.cluster import classpath, running, version
from tools.kafka.container import Container

ROOT = Path(__file__).parents[2]

ENGINE = """#!{python}
import os, subprocess, sys
words = sys.argv[1:]
if words[:2] == ["image", "inspect"]:
    sys.exit(0)
variables = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--env")
variables |= {{"KAFKA_LOG_DIRS": "{folder}/data", "PATH": os.environ["PATH"]}}
java = ["java", "-Xmx384m", "-cp", "{classpath}"]
subprocess.run([*java, "kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", "{folder}/default",
                "--mounted-configs-dir", "{folder}/mounted", "--final-configs-dir", "{folder}/final"],
               env=variables, check=True)
os.execvp("java", [*java, "kafka.Kafka", "{folder}/final/server.properties"])
"""


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def engine(tmp_path):
    for name in ("default", "mounted", "final"):
        (tmp_path / name).mkdir()
    return program(tmp_path / "engine", ENGINE.format(python=sys.executable, folder=tmp_path, classpath=classpath()))


def test_the_broker_in_a_container_is_like_the_others(engine, tmp_path):
    with running(kind=partial(Container, engine=engine)) as cluster:
        address = KafkaAddress.parse(f"kafka://{cluster.address}/contained", {})
        assert len(create_topics(address, KafkaAccess())) > 20
        bus = KafkaBus(address, KafkaAccess(), DATA_PLANE)
        assert bus.append("market.quotes", [Outgoing(b"k", b"v")]) == [0]
        bus.close()
        expected = cluster.properties(1, data=str(tmp_path / "data"), host="0.0.0.0")  # noqa: S104

    written = (tmp_path / "final" / "server.properties").read_text()
    assert dict(line.split("=", 1) for line in written.splitlines() if line) == expected
    assert expected["auto.create.topics.enable"] == "false"


def test_one_port_is_published_on_the_loopback_interface(tmp_path):
    cluster = Container(tmp_path, engine="podman")
    words = cluster.command(1)
    port = cluster.address.rpartition(":")[2]

    assert words[:3] == ["podman", "run", "--rm"]
    assert words[-1] == f"apache/kafka:{version()}"
    assert [words[i + 1] for i, word in enumerate(words) if word in {"--publish", "-p"}] == [
        f"127.0.0.1:{port}:{port}"]
    assert f"KAFKA_ADVERTISED_LISTENERS=CLIENT://127.0.0.1:{port},INSIDE" in " ".join(words)
    assert not {"--network", "--net", "--privileged", "--volume"} & set(words)


def make_kafka(folder, *words):
    """Run the command where nothing is on the PATH but what ``folder`` holds; return its exit code and its errors."""
    done = subprocess.run([sys.executable, "-m", "tools.kafka", *words], cwd=ROOT, capture_output=True, text=True,
                          env=os.environ | {"PATH": str(folder)}, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.strip()


def test_where_nothing_can_run_kafka_what_is_allowed_is_named(tmp_path):
    code, errors = make_kafka(tmp_path)
    assert code == 1
    assert errors == ("java and mvn not found, nor podman or docker; allowed on the PATH: Java 17 or newer with Maven, "
                      "or one of podman, docker")


def test_an_engine_that_cannot_have_the_image_is_quoted(tmp_path):
    program(tmp_path / "docker", "#!/bin/sh\necho no daemon here >&2\nexit 125\n")
    assert make_kafka(tmp_path) == (1, f"docker could not fetch apache/kafka:{version()}: no daemon here")


def test_an_image_that_does_not_start_is_quoted(tmp_path):
    program(tmp_path / "podman", "#!/bin/sh\n[ $1 = image ] && exit 0\necho port is taken >&2\nexit 126\n")
    assert make_kafka(tmp_path) == (1, "node 1 ended with 126:\nport is taken")


@pytest.mark.parametrize("words", [("--brokers", "3"), ("--folder", "data")])
def test_what_a_container_cannot_give_is_refused(words, tmp_path):
    program(tmp_path / "podman", "#!/bin/sh\nexit 0\n")
    assert make_kafka(tmp_path, *words) == (
        1, "java and mvn not found; allowed with podman: one broker, and no --folder")
