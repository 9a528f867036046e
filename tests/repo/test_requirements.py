"""One list of requirements, one lock: pip and Pants both install what requirements.lock names."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repo.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK, flags=re.MULTILINE)
}


def declared() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [Requirement(line) for group in [PROJECT["project"]["dependencies"], *extras] for line in group]


def test_the_lock_answers_every_requirement():
    unmet = [str(r) for r in declared() if PINS.get(canonicalize_name(r.name), "") not in r.specifier]
    assert not unmet, "run `make lock`"


def test_the_lock_pins_hashes_and_names_no_index():
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry)
    assert not re.search(r"https?://|--index-url|--find-links", LOCK)


def test_pants_installs_from_the_same_two_files():
    pants = tomllib.loads((ROOT / "pants.toml").read_text())
    assert pants["python"]["resolves"] == {pants["python"]["default_resolve"]: "requirements.lock"}
    assert 'source="pyproject.toml"' in (ROOT / "BUILD").read_text()


def test_every_requirement_says_why_it_is_there():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    named = [line for line in lines if re.match(r'\s+"[A-Za-z0-9._-]+[><=]=', line)]
    assert named
    assert all("# " in line for line in named), [line for line in named if "# " not in line]
