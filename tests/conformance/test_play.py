"""The player of scripts: it hears what is missing, what is too much, and every field that differs."""

import pytest

from tests.conformance.play import MODES, check
from tests.conformance.script import ALL, FOLDER, at_version, fits, read_script

SCRIPT = FOLDER / "contract_08_matching_symbols.txt"


def changed(tmp_path, old, new):
    text = SCRIPT.read_text()
    assert text.count(old) == 1, old
    path = tmp_path / SCRIPT.name
    path.write_text(text.replace(old, new))
    return read_script(path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("old", "new", "words"), [
    ("out< 79|2|0\n", "", "not wanted"),
    ("out< 79|2|0\n", "out< 79|2|0\nout< 79|2|0\n", "did not come"),
    ("out< 79|2|0", "out< 79|2|1", "wanted 79"),
    ("|NYSE|", "|LSE|", "wanted 79"),
    ("|@176+ IBM", "|@178+ IBM", "wanted 79"),
    ("out< 79|2|0", "out< SymbolSamples req_id=3", "wanted SymbolSamples"),
])
def test_a_difference_is_heard(tmp_path, mode, old, new, words):
    with pytest.raises(AssertionError, match=words):
        check(changed(tmp_path, old, new), 176, mode)


@pytest.mark.parametrize("line", ["out> 1", "speed: 3", "in 2 hello", "versions all"])
def test_a_line_that_is_not_understood_is_named(tmp_path, line):
    with pytest.raises(AssertionError, match="line 4"):
        changed(tmp_path, "in> 81|1|IB\n", f"{line}\nin> 81|1|IB\n")


def test_fields_of_some_versions():
    text = "10|@157-163 8|@163 mid|@164+ new|"
    assert [at_version(text, v) for v in (157, 163, 164)] == [
        ["10", "8", ""], ["10", "8", "mid", ""], ["10", "new", ""]]
    assert all("@" not in "".join(at_version(text, v)) for v in ALL)


def test_names_hold_what_was_there_first():
    known = {}
    assert fits(["{a}", "*", "x={b}"], ["1", "2", "x=3"], known)
    assert known == {"{a}": "1", "{b}": "3"}
    assert not fits(["{a}"], ["2"], known)
    assert fits(["y", "..."], ["y", "z", "z"], known)
    assert not fits(["y"], ["y", "z"], known)
