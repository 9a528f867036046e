"""What docs/ draw from the code is what the code says; links and commands in the documents lead somewhere."""

import re

import pytest

from tests.repo.tree import ROOT
from tools import docs

DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})


@pytest.mark.parametrize("name", sorted({document for document, _ in docs.PARTS}))
def test_generated_parts_are_up_to_date(name):
    assert (ROOT / name).read_text() == docs.rendered(name), "run `make docs`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


def test_make_targets_named_in_documents_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {m for path in DOCUMENTS for m in re.findall(r"`make ([a-z-]+)", path.read_text())}
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if "```python" in p.read_text()], ids=lambda p: p.name)
def test_python_in_documents_runs(path):
    for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
        exec(compile(block, path.name, "exec"), {"__name__": path.stem})  # noqa: S102 -- what a reader would type
