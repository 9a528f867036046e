"""The folder: what is ours, what is not, what is damaged, and how each is told."""

import apsw
import msgspec
import pytest

from algotrade.bus import BusError, FormatUnsupported, LocalBus, bus_at, open_bus
from algotrade.bus import board as boards
from algotrade.bus import folder as folders
from algotrade.bus import local as locals_
from algotrade.bus import logfile as logfiles
from algotrade.bus.board import NAME_BYTES_MAX, SLOTS_MAX
from tests.bus.worlds import SMALL, message, values


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bus"


def filled(folder, count=3):
    bus = LocalBus(folder, "alpha", SMALL)
    bus.append("orders", [message(f"{i}", size_bytes=100) for i in range(count)])
    bus.promise("time", 7)
    bus.close()


# Format and folder

def test_a_new_folder_gets_its_format_and_nested_folders_are_made(folder):
    LocalBus(folder / "deep" / "er", None, SMALL).close()
    assert (folder / "deep" / "er" / "FORMAT").read_text() == "algotrade-local-bus 1\n"


@pytest.mark.parametrize("text", ["algotrade-local-bus 2\n", "algotrade-local-bus 0\n", "other 1\n", "", "\xff\xfe"])
def test_another_format_is_refused_with_what_was_found_and_what_is_supported(folder, text):
    filled(folder)
    (folder / "FORMAT").write_text(text, encoding="latin-1")

    for use in (lambda: LocalBus(folder, "alpha", SMALL), lambda: LocalBus.forget_promises(folder),
                lambda: LocalBus.remove(folder)):
        with pytest.raises(FormatUnsupported, match="supported: 'algotrade-local-bus 1'") as caught:
            use()
        assert str(folder) in str(caught.value)
        assert repr(text.encode("latin-1").decode(errors="replace").strip()) in str(caught.value)
    assert (folder / "alpha.db").exists()


def test_a_folder_of_somebody_else_is_refused_and_left_alone(folder):
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")

    for use in (lambda: LocalBus(folder, "alpha", SMALL), lambda: LocalBus.remove(folder)):
        with pytest.raises(FormatUnsupported, match=r"without FORMAT, with thesis\.txt"):
            use()
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_told_by_its_path(folder):
    folder.write_text("no folder")
    for use in (lambda: LocalBus(folder, "alpha", SMALL), lambda: LocalBus(folder / "below", "alpha", SMALL),
                lambda: LocalBus.remove(folder)):
        with pytest.raises(BusError, match=str(folder)):
            use()


def test_an_empty_folder_and_the_rest_of_a_killed_start_are_taken(folder):
    folder.mkdir()
    (folder / "FORMAT.new").write_text("half a li")
    filled(folder)
    assert values(LocalBus(folder, None, SMALL), "orders")[0][:1] == b"0"


def test_remove_takes_the_whole_bus_and_nothing_else(folder):
    LocalBus.remove(folder)
    folder.mkdir()
    LocalBus.remove(folder)
    assert not folder.exists()

    filled(folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FormatUnsupported, match=r"holds notes\.txt, which no bus has made"):
        LocalBus.remove(folder)
    (folder / "notes.txt").unlink()
    LocalBus.remove(folder)
    assert not folder.exists()


def test_a_removal_that_was_killed_half_way_is_finished_by_whoever_comes_next(folder, monkeypatch):
    filled(folder)
    with monkeypatch.context() as patch:
        patch.setattr(folders.shutil, "rmtree", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            LocalBus.remove(folder)
    assert (folder / "alpha.db").exists()

    bus = LocalBus(folder, "alpha", SMALL)
    assert bus.bounds("orders") == (0, 0)
    assert bus.promised("time") == -1
    bus.close()
    (folder / "FORMAT").write_text("algotrade-local-bus removed\n")
    LocalBus.remove(folder)
    assert not folder.exists()


def test_a_folder_removed_under_a_bus_is_told(folder):
    observer = LocalBus(folder, None, SMALL)
    LocalBus.remove(folder)
    with pytest.raises(BusError, match="was removed meanwhile"):
        observer.promise("time", 1)
    LocalBus(folder, None, SMALL).close()
    with pytest.raises(BusError, match="was removed meanwhile"):
        observer.promise("time", 1)


def test_a_bus_in_use_is_neither_removed_nor_made_to_forget(folder):
    bus = LocalBus(folder, "alpha", SMALL)
    for use in (LocalBus.remove, LocalBus.forget_promises):
        with pytest.raises(BusError, match="in use by a running process"):
            use(folder)
    bus.close()

    observer = LocalBus(folder, None, SMALL)
    LocalBus.forget_promises(folder)
    observer.close()


def test_an_address_names_a_scheme_and_a_folder(folder):
    bus = open_bus(f"local:{folder}", "data-plane", {})
    assert isinstance(bus, LocalBus)
    bus.close()
    assert str(bus_at("local:a:b/c", {})) == "a:b/c"
    assert bus_at(f"local:{folder}/../x", {}).url == f"local:{folder.parent.resolve() / 'x'}"
    for url in ("memory:", "local:", "local", "", str(folder)):
        with pytest.raises(BusError, match="allowed: local:FOLDER"):
            open_bus(url, "data-plane", {})


def test_a_writer_has_a_name_fit_for_a_file(folder):
    for name in ("", "../x", "A", "a/b", "dead-letters", "a.b"):
        with pytest.raises(AssertionError, match="writer"):
            LocalBus(folder, name, SMALL)


def test_an_old_sqlite_is_refused(folder, monkeypatch):
    monkeypatch.setattr(locals_.apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(BusError, match=r"SQLite is 3\.51\.2; allowed: 3\.51\.3 or newer"):
        LocalBus(folder, "alpha", SMALL)
    monkeypatch.setattr(locals_.apsw, "sqlite_lib_version", lambda: "3.100.0")
    LocalBus(folder, "alpha", SMALL).close()


# Tables

def test_a_newer_table_of_topics_adds_its_logs_and_an_older_reader_finds_nothing_new(folder):
    old = {name: topic for name, topic in SMALL.items() if name not in {"ticks", "wide"}}
    first = LocalBus(folder, "alpha", old)
    first.append("orders", [message("a")])
    reader = LocalBus(folder, "beta", SMALL)
    assert reader.read("ticks", 0, messages_max=1) == []
    assert reader.bounds("wide", 2) == (0, 0)
    first.close()

    second = LocalBus(folder, "alpha", SMALL)
    second.append("ticks", [message("b")])
    assert values(reader, "ticks") == [b"b"]
    assert values(second, "orders") == [b"a"]


def test_people_can_look_inside_with_sql(folder):
    filled(folder)
    connection = apsw.Connection(str(folder / "alpha.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute('SELECT position, end_bytes, length(value) FROM "orders/0"').fetchall()
    assert rows == [(0, 100, 67), (1, 200, 67), (2, 300, 67)]


def test_flushes_follow_the_topics_row(folder):
    bus = LocalBus(folder, "alpha", SMALL)
    connection = bus._own_file("alpha")._connection
    for topic, level in (("orders", 2), ("ticks", 1), ("snapshots", 2)):
        bus.append(topic, [message("a")])
        assert connection.execute("PRAGMA synchronous").fetchall() == [(level,)]
    bus.commit("alpha", {("answers", 0): 0})
    assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)]


def test_readers_never_checkpoint_and_never_write(folder):
    writer, reader = LocalBus(folder, "alpha", SMALL), LocalBus(folder, "beta", SMALL)
    writer.append("orders", [message("a")])
    values(reader, "orders")
    connection = reader._file("alpha")._connection
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchall() == [(0,)]
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM logs")
    writer.close()
    reader.close()


# Damage

def _overwrite(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(b"this is no SQLite file, but long enough to be looked at." * 100),
    lambda path: path.write_bytes(b"short"),
    lambda path: _overwrite(path, 4096, b"\xff" * 8192),
    lambda path: path.write_bytes(path.read_bytes()[:4096]),
    lambda path: path.write_bytes(b""),
], ids=["stranger", "short", "garbage", "truncated", "empty"])
def test_a_damaged_file_is_told_by_its_name_to_writer_and_reader(folder, damage):
    filled(folder)
    damage(folder / "alpha.db")

    with pytest.raises(BusError, match=str(folder / "alpha.db")):
        values(LocalBus(folder, "beta", SMALL), "orders")
    with pytest.raises(BusError, match=str(folder / "alpha.db")):
        LocalBus(folder, "alpha", SMALL).append("orders", [message("x")])


def test_a_folder_in_place_of_a_file_is_told(folder):
    filled(folder)
    (folder / "beta.db").mkdir()
    with pytest.raises(BusError, match=str(folder / "beta.db")):
        LocalBus(folder, "beta", SMALL)
    with pytest.raises(BusError, match=str(folder / "beta.db")):
        LocalBus(folder, "alpha", SMALL).read("answers", 0, messages_max=1)


def test_the_rest_of_a_killed_build_is_cleared_away(folder):
    LocalBus(folder, None, SMALL).close()
    for name in ("alpha.db.new", "alpha.db.new-wal", "alpha.db.new-shm"):
        (folder / name).write_bytes(b"half a file")
    filled(folder)
    assert len(values(LocalBus(folder, None, SMALL), "orders")) == 3
    assert not list(folder.glob("*.new*"))


def test_a_torn_tail_of_the_write_ahead_log_costs_only_what_was_torn(folder):
    """What a crash of the host may leave of an unflushed log: its last bytes are wrong or missing."""
    writer = LocalBus(folder, "alpha", SMALL)
    for i in range(6):
        writer.append("ticks", [message(str(i), size_bytes=300)])
    wal = (folder / "alpha.db-wal").read_bytes()
    data = (folder / "alpha.db").read_bytes()
    for cut in (1, 700, 5_000):
        for torn in (wal[:-cut], wal[:-cut] + b"\xee" * cut):
            copy = folder.parent / f"copy{cut}{torn[-1]}"
            copy.mkdir()
            (copy / "FORMAT").write_bytes((folder / "FORMAT").read_bytes())
            (copy / "alpha.db").write_bytes(data)
            (copy / "alpha.db-wal").write_bytes(torn)
            bus = LocalBus(copy, "alpha", SMALL)
            _, following = bus.bounds("ticks")
            assert 3 <= following < 6
            assert [v[:1] for v in values(bus, "ticks")] == [b"%d" % i for i in range(following)]
            assert bus.append("ticks", [message("x")]) == [following]
            bus.close()
    writer.close()


def test_a_writer_stopped_in_the_middle_of_a_write_is_waited_for_but_not_for_ever(folder, monkeypatch):
    monkeypatch.setattr(logfiles, "BUSY_MS_MAX", 30)
    bus = LocalBus(folder, "alpha", SMALL)
    other = apsw.Connection(str(folder / "alpha.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusError, match=r"alpha\.db: another process held it locked for too long"):
        bus.append("orders", [message("a")])
    other.execute("ROLLBACK")
    assert bus.append("orders", [message("a")]) == [0]


# The board

def test_promises_are_kept_over_restarts_until_they_are_forgotten(folder):
    filled(folder)
    bus = LocalBus(folder, None, SMALL)
    assert bus.promised("time") == 7
    bus.close()

    LocalBus.forget_promises(folder)
    bus = LocalBus(folder, "alpha", SMALL)
    assert bus.promised("time") == -1
    assert len(values(bus, "orders")) == 3
    bus.promise("time", 3)
    assert bus.promised("time") == 3


@pytest.mark.skipif(not boards._BOOT_ID.exists(), reason="only Linux tells a boot id")
def test_a_new_boot_forgets_the_promises(folder, monkeypatch, tmp_path):
    filled(folder)
    other = tmp_path / "boot_id"
    other.write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    monkeypatch.setattr(boards, "_BOOT_ID", other)

    bus = LocalBus(folder, "beta", SMALL)
    assert bus.promised("time") == -1
    assert len(values(bus, "orders")) == 3
    again = LocalBus(folder, "alpha", SMALL)
    again.promise("time", 2)
    assert bus.promised("time") == 2


def test_a_damaged_board_is_made_anew(folder):
    filled(folder)
    for damage in (b"", b"x" * 10, b"x" * (folder / "board").stat().st_size):
        (folder / "board").write_bytes(damage)
        bus = LocalBus(folder, "alpha", SMALL)
        assert bus.promised("time") == -1
        assert len(values(bus, "orders")) == 3
        bus.promise("time", 7)
        bus.close()


def test_a_full_board_says_so(folder):
    bus = LocalBus(folder, "alpha", SMALL)
    taken = bus._board._numbers[1]  # by the hints of its own logs
    for i in range(SLOTS_MAX - taken):
        bus.promise(f"name {i}", i)
    for _ in range(2):
        with pytest.raises(BusError, match=f"all {SLOTS_MAX} names are taken; 'one more' finds no room"):
            bus.promise("one more", 1)
    assert bus.promised("name 100") == 100
    assert LocalBus(folder, None, SMALL).promised("name 5") == 5


def test_names_of_promises_have_a_bound(folder):
    bus = LocalBus(folder, "alpha", SMALL)
    longest = "\u20ac" * (NAME_BYTES_MAX // 3)
    bus.promise(longest, 1)
    assert LocalBus(folder, None, SMALL).promised(longest) == 1
    for name in ("", "x" * (NAME_BYTES_MAX + 1), "next:orders/0"):
        with pytest.raises(AssertionError, match="promise name"):
            bus.promise(name, 1)


def test_hints_that_are_missing_or_too_high_hide_nothing(folder):
    writer, reader = LocalBus(folder, "alpha", SMALL), LocalBus(folder, "beta", SMALL)
    writer.append("orders", [message("a"), message("b")])
    for hint in (-1, 2, 3, 1_000):
        reader._board.set("next:orders/0", hint)
        assert values(reader, "orders") == [b"a", b"b"]
        assert reader.read("orders", 2, messages_max=1) == []
    writer.append("orders", [message("c")])
    assert values(reader, "orders", 2) == [b"c"]


def test_a_failed_append_leaves_no_hint_that_hides_a_message(folder):
    table = {**SMALL, "orders": msgspec.structs.replace(SMALL["orders"], readers=("beta",))}
    writer, reader = LocalBus(folder, "alpha", table), LocalBus(folder, "beta", table)
    writer.append("orders", [message("a", size_bytes=1_900)])
    with pytest.raises(BusError):
        writer.append("orders", [message("b", size_bytes=1_900)])
    assert reader.read("orders", 1, messages_max=1) == []
    reader.commit("beta", {("orders", 0): 1})
    writer.append("orders", [message("b", size_bytes=1_900)])
    assert len(values(reader, "orders", 1)) == 1
