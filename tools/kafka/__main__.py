"""``python -m tools.kafka [--brokers 3] [-- COMMAND]``: Kafka here until Ctrl-C, or for as long as COMMAND runs.

Prints the address to give to ``--bus`` once the cluster is ready. Where Java or Maven is missing, podman or docker
runs the official image instead (``container``).
"""

import argparse
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.kafka.cluster import Cluster, missing_tools, running
from tools.kafka.container import ENGINES, Container, found_engine


def parsed() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.kafka", description="Run Apache Kafka on this machine.",
                                     epilog="example: python -m tools.kafka --brokers 3 -- algotrade demo")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--folder", type=Path, help="where the data goes; default: a folder that is removed at the end")
    parser.add_argument("command", nargs="*", help="run this with --bus added, then stop; without: until Ctrl-C")
    return parser.parse_args()


def kind_for(chosen: argparse.Namespace) -> Callable[..., Cluster]:
    """Return what this machine can run; ends the command where it is not what was asked for."""
    missing = missing_tools()
    if not missing:
        return Cluster
    told, engine = f"{' and '.join(missing)} not found", found_engine()
    if engine is None:
        sys.exit(f"{told}, nor {' or '.join(ENGINES)}; allowed on the PATH: Java 17 or newer with Maven, or one of "
                 f"{', '.join(ENGINES)}")
    if chosen.brokers != 1 or chosen.folder:
        sys.exit(f"{told}; allowed with {engine}: one broker, and no --folder")
    return partial(Container, engine=engine)


def main() -> None:
    """Run a cluster."""
    chosen = parsed()
    kind = kind_for(chosen)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with (contextlib.suppress(KeyboardInterrupt),
              running(chosen.brokers, kind=kind, folder=chosen.folder) as cluster):
            address = f"kafka://{cluster.address}"
            if chosen.command:
                sys.exit(subprocess.run([*chosen.command, "--bus", address], check=False).returncode)
            sys.stdout.write(f"ready: algotrade demo --bus {address}\n")
            sys.stdout.flush()
            signal.pause()
    except (RuntimeError, TimeoutError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
