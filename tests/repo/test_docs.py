"""What docs/ draw from the code is what the code says; links and commands in the documents lead somewhere."""

import re

import pytest

from algotrade_runners.cli.signal_chart import described
from algotrade_runners.cli.signal_facts import call_of
from tests.repo.tree import ROOT
from tools import docs, signal_docs

DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})


@pytest.mark.parametrize("name", sorted({document for document, _ in docs.PARTS}))
def test_generated_parts_are_up_to_date(name):
    assert (ROOT / name).read_text() == docs.rendered(name), "run `make docs`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


def description_in(png: bytes) -> str:
    """Return the text that a PNG carries under Description."""
    at = 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data = png[at + 8 : at + 8 + size]
        if kind in {b"tEXt", b"iTXt"} and data.startswith(b"Description\0"):
            return data.rpartition(b"\0")[2].decode("utf-8" if kind == b"iTXt" else "latin-1")
        at += 12 + size
    return ""


def test_every_signal_that_bars_can_show_has_its_picture_and_it_is_up_to_date():
    entries = {entry.name: entry for entry in signal_docs.drawn()}
    pictures = {path.stem: path for path in (ROOT / signal_docs.PICTURES).glob("*.png")}
    assert set(pictures) == set(entries), "run `make docs`"
    for name, path in pictures.items():
        found, entry = description_in(path.read_bytes()), entries[name]
        assert found.startswith(f"{call_of(entry)} of "), f"run `make docs`: {path.name} is of {found}"
        assert found.endswith(described(entry, {}, ()).partition(":")[2]), f"run `make docs`: {path.name} is of {found}"


def test_the_pictures_of_signals_are_small():
    assert sum(path.stat().st_size for path in (ROOT / signal_docs.PICTURES).glob("*")) < 3_000_000


def test_make_targets_named_in_documents_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {m for path in DOCUMENTS for m in re.findall(r"`make ([a-z-]+)", path.read_text())}
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if "```python" in p.read_text()], ids=lambda p: p.name)
def test_python_in_documents_runs(path):
    for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
        exec(compile(block, path.name, "exec"), {"__name__": path.stem})  # noqa: S102 -- what a reader would type
