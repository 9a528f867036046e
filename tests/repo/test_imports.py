"""The import table: the same one that Pants enforces, so that `make test` refuses a wrong arrow too."""

from pathlib import Path

from algotrade.jit import package_sources
from tests.repo.tree import LIBRARIES, RUNNERS, below, build_table, imports, where

MAY_IMPORT = build_table(LIBRARIES / "BUILD", "MAY_IMPORT")
RUNNER_MAY_IMPORT = build_table(RUNNERS / "BUILD", "RUNNER_MAY_IMPORT")
OPEN_TO_ALL = {"jit"}


def room(path: Path, top: Path) -> str:
    """Return the folder below ``top`` that holds the file, "" for a file directly in it."""
    parts = path.relative_to(top).parts
    return parts[0] if len(parts) > 1 else ""


def test_a_library_imports_only_what_the_table_allows():
    wrong = []
    for path in below(LIBRARIES):
        library = room(path, LIBRARIES)
        allowed = {library, *MAY_IMPORT[library], *OPEN_TO_ALL} if library else set()
        for line, module in imports(path):
            package, _, rest = module.partition(".")
            if package == "algotrade_runners" or (package == "algotrade" and rest.split(".")[0] not in allowed):
                wrong.append(f"{where(path, line)}: {library or 'the root'} may not import {module}")
    assert not wrong, "\n".join(wrong)


def test_a_runner_imports_no_other_runner_but_the_command_line_its_planes():
    wrong = []
    for path in below(RUNNERS):
        runner = room(path, RUNNERS)
        allowed = {runner, *RUNNER_MAY_IMPORT[runner]} if runner else set()
        for line, module in imports(path):
            package, _, rest = module.partition(".")
            target = rest.split(".")[0]
            if package == "algotrade_runners" and (RUNNERS / target).is_dir() and target not in allowed:
                wrong.append(f"{where(path, line)}: {runner or 'a shared file'} may not import {module}")
    assert not wrong, "\n".join(wrong)


def test_kafkas_client_is_known_to_one_folder():
    home = LIBRARIES / "bus" / "kafka" / "client"
    wrong = [f"{where(path, line)}: only files of {home.relative_to(LIBRARIES)}/ may import {module}"
             for path in (*below(LIBRARIES), *below(RUNNERS)) if home not in path.parents
             for line, module in imports(path) if module.partition(".")[0] == "confluent_kafka"]
    assert not wrong, "\n".join(wrong)
    assert any(module.startswith("confluent_kafka") for path in below(home) for _, module in imports(path))


def test_the_ib_client_libraries_are_known_to_one_file():
    home = LIBRARIES / "ibkr" / "session" / "library.py"
    wrong = [f"{where(path, line)}: only {home.relative_to(LIBRARIES)} may import {module}"
             for path in (*below(LIBRARIES), *below(RUNNERS)) if path != home
             for line, module in imports(path) if module.partition(".")[0] in {"ib_insync", "ib_async", "ibapi"}]
    assert not wrong, "\n".join(wrong)
    assert {module.partition(".")[0] for _, module in imports(home)} >= {"ib_insync", "ib_async"}


def test_every_library_and_runner_stands_in_its_table():
    assert {room(p, LIBRARIES) for p in below(LIBRARIES)} - {""} <= set(MAY_IMPORT)
    assert {room(p, RUNNERS) for p in below(RUNNERS)} - {""} <= set(RUNNER_MAY_IMPORT)


def test_kernels_import_only_what_their_cache_is_keyed_by():
    """Machine code is cached under these files; a constant from elsewhere would go stale unseen."""
    keyed = set(package_sources())
    wrong = []
    for path in keyed:
        if "algotrade.jit" not in path.read_text():
            continue
        for line, module in imports(path):
            parts = module.split(".")
            if parts[0] != "algotrade" or parts[1] == "jit":
                continue
            homes = [LIBRARIES.joinpath(*parts[1:end]) for end in (len(parts), len(parts) - 1)]
            if not keyed.intersection([*(h.with_suffix(".py") for h in homes), *(h / "__init__.py" for h in homes)]):
                wrong.append(f"{where(path, line)}: a file of kernels may not import {module}")
    assert not wrong, "\n".join(wrong)
