"""kill -9 at seeded moments: what was acknowledged is there, nothing is there twice, every file is whole."""

import apsw
import pytest

from algotrade.bus import LocalBus, MarketReader, Snapshots
from algotrade.bus.topics import ORDER_PLANE
from tests.bus.actors import FOLDING, PUBLISHED, ROOMY, digested, number_of
from tests.bus.processes import Actor, acting, dawdle
from tests.bus.runs import Run, dice
from tests.bus.worlds import SMALL, message


def assert_whole(folder):
    for path in folder.glob("*.db"):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
        connection.close()


@pytest.mark.parametrize(("topic", "kills"), [("ticks", 8), ("orders", 6)])
def test_a_killed_writer_loses_nothing_acknowledged_and_doubles_nothing(tmp_path, topic, kills):
    chance = dice(kills)
    folder = tmp_path / "bus"
    reader = LocalBus(folder, "beta", ROOMY)
    for kill in range(kills):
        with acting("append", folder, topic, kill) as actor:
            for _ in range(chance.randint(1, 6)):
                actor.hear()
            dawdle(chance, 30_000)
            actor.kill()
        acknowledged = int(actor.told[-1])
        oldest, following = reader.bounds(topic)
        assert acknowledged <= following <= acknowledged + 3
        found = reader.read(topic, oldest, messages_max=10_000)
        assert [m.position for m in found] == [number_of(m.value) for m in found] == list(range(oldest, following))
        assert_whole(folder)
    reader.close()


def folded(number):
    """Return what the actor ``fold`` tells once it has handled the numbers below ``number``, each once."""
    return f"{number} {number} {number * (number - 1) // 2}"


def test_a_killed_reader_goes_on_from_its_snapshot_and_handles_everything_once(tmp_path):
    chance = dice(7)
    folder = tmp_path / "bus"
    writer = LocalBus(folder, "alpha", FOLDING)
    number = 0
    for _ in range(8):
        for _ in range(chance.randint(1, 4)):
            count = chance.randint(1, 4)
            writer.append("orders", [message(f"{number + i}.") for i in range(count)])
            number += count
        with acting("fold", folder, "orders") as actor:
            if chance.random() < 0.5:
                actor.hear_until(folded(number))
            else:
                actor.hear()
            dawdle(chance, 30_000)
            actor.kill()
    saved = Snapshots(writer, "snapshots.beta", "beta").load().decode()
    if saved != folded(number):
        with acting("fold", folder, "orders") as actor:
            actor.hear_until(folded(number))
    writer.close()
    assert_whole(folder)


def test_a_kill_while_the_folder_is_made_leaves_a_folder_that_opens(tmp_path):
    chance = dice(3)
    folder = tmp_path / "bus"
    for _ in range(8):
        with acting("open_again", folder) as actor:
            for _ in range(chance.randint(1, 3)):
                actor.hear()
            dawdle(chance, 200_000)
            actor.kill()
        bus = LocalBus(folder, "alpha", SMALL)
        (position,) = bus.append("orders", [message("x")])
        assert bus.read("orders", position, messages_max=1)[0].value == b"x"
        bus.close()
        assert_whole(folder)
        LocalBus.remove(folder)


def test_a_data_plane_and_a_strategy_plane_killed_in_turn_give_the_run_once(tmp_path):
    chance, folder = dice(11), tmp_path / "bus"
    run = Run(21, 6_000)
    order = LocalBus(folder, ORDER_PLANE, PUBLISHED)
    reader, digest = MarketReader(order, group=ORDER_PLANE), 0
    actors = {role: Actor(*_arguments(role, folder, 0)) for role in ("publish", "handle")}
    for kill in range(1, 9):
        role = ("publish", "handle")[kill % 2]
        for _ in range(chance.randint(1, 5)):
            digest = _read_on(reader, order, digest)
            if actors[role].hear().split()[0] in {"finished", "digest"}:
                break
        dawdle(chance, 30_000)
        actors[role].kill()
        actors[role].close()
        actors[role] = Actor(*_arguments(role, folder, kill))
    while not reader.ended:
        digest = _read_on(reader, order, digest)
    for actor in actors.values():
        actor.end()
        actor.close()
    assert actors["handle"].told[-1] == f"digest {digest}"
    assert digest == digested(0, run.between(0, run.end), run.end)
    order.close()
    assert_whole(folder)


def _arguments(role, folder, kill):
    return ("publish", folder, 21, 6_000, kill) if role == "publish" else ("handle", folder, kill)


def _read_on(reader, bus, digest):
    """Handle what there is as the order plane, and return the digest after it."""
    batch = reader.poll()
    if batch is None:
        bus.wait(0.1)
    else:
        last = max(int(array["sequence"][-1]) for array in batch.arrays().values() if len(array))
        digest = digested(digest, batch, last)
        reader.consume(last)
    bus.commit(ORDER_PLANE, reader.cursor.commits())
    return digest
