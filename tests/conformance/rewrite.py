"""Writes down what the Gateway answers now: CONFORMANCE_WRITE=1. Lines that fit stay; reviewing the rest is the test.

It knows nothing of what is right. Read what it wrote against the layouts and the broker's rules before you keep it.
"""

import difflib

from tests.conformance.play import MODES, matches, play, words
from tests.conformance.script import Script, Step, fields_of

NAMED = {b"5", b"101"}
"""Messages of a hundred fields and more are written by names, except where a script is about their layout."""


def rewrite(script: Script) -> None:
    """Play ``script`` at each of its versions, and put what came where its answers stand."""
    mode = script.header.get("modes", MODES[0]).split(", ")[0]
    played = {version: list(play(script, version, mode)) for version in script.versions}
    kept = [list(script.lines[: _first(script)])]
    known: dict[int, dict[str, str]] = {v: {"{version}": str(v)} for v in script.versions}
    for n, (block, _) in enumerate(played[script.versions[0]]):
        head = [step for step in block if step.kind not in {"out", "closed"}]
        lines = [script.lines[step.line - 1] for step in head if step.line]
        lines += _answers(script, n, block, played, known)
        lines += [script.lines[step.line - 1] for step in block if step.kind == "closed"]
        kept.append(_with_comments(script, block, lines))
    script.path.write_text("\n".join(line for lines in kept for line in lines) + "\n", encoding="utf-8")


def _first(script: Script) -> int:
    """Return how many lines stand before the first step."""
    first = next(step.line for step in script.steps if step.line) - 1
    while first and script.lines[first - 1].startswith("#") and first > 1:
        first -= 1
    return first


def _with_comments(script: Script, block: list[Step], lines: list[str]) -> list[str]:
    first = next((step.line for step in block if step.line), 0)
    begin = first - 1
    while begin > 0 and (script.lines[begin - 1].startswith("#") or not script.lines[begin - 1]) and begin > 1:
        begin -= 1
    comments = [line for line in script.lines[begin : max(0, first - 1)] if line.startswith("#") or not line]
    return [*(comments if begin >= _first(script) else []), *lines]


def _answers(script: Script, n: int, block: list[Step], played, known) -> list[str]:
    found: list[str] = []
    links = sorted({link for blocks in played.values() for link, _ in blocks[n][1]})
    for link in links:
        ours = [step for step in block if step.kind == "out" and step.link == link]
        came = {v: [payload for number, payload in blocks[n][1] if number == link] for v, blocks in played.items()}
        counts = {len(payloads) for payloads in came.values()}
        assert len(counts) == 1, f"{script.path.name}, line {block[0].line}: versions differ in how much is told"
        for i in range(counts.pop()):
            payloads = {v: c[i] for v, c in came.items()}
            old = ours[i].text if i < len(ours) else None
            if old is not None and all(matches(old, p, v, known[v]) for v, p in payloads.items()):
                text = old
            else:
                text = _written(payloads, is_raw=script.header.get("form") == "raw")
            found.append(f"out{'' if link == 1 else f' {link}'}< {text}")
    return found


def _written(payloads: dict[int, bytes], *, is_raw: bool) -> str:
    if next(iter(payloads.values())).split(b"\0", 1)[0] in NAMED and not is_raw:
        texts = {" ".join(words(payload, version)) for version, payload in payloads.items()}
        assert len(texts) == 1, texts
        return texts.pop()
    merged: list[tuple[str, list[int]]] = []
    for version, payload in payloads.items():
        fields = fields_of(payload)
        if not merged:
            merged = [(field, [version]) for field in fields]
            continue
        merged = _merged(merged, fields, version)
    return "|".join(_gate(sorted(versions), sorted(payloads)) + field for field, versions in merged)


def _merged(merged, fields: list[str], version: int):
    old = [field for field, _ in merged]
    found: list[tuple[str, list[int]]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, fields, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [(field, [*versions, version]) for field, versions in merged[a:b]]
        else:
            found += merged[a:b]
            found += [(field, [version]) for field in fields[c:d]]
    return found


def _gate(versions: list[int], every: list[int]) -> str:
    if versions == every:
        return ""
    inside = [v for v in every if versions[0] <= v <= versions[-1]]
    assert versions == inside, f"a field of {versions} among {every}"
    if versions[-1] == every[-1]:
        return f"@{versions[0]}+ "
    return f"@{versions[0]} " if len(versions) == 1 else f"@{versions[0]}-{versions[-1]} "
