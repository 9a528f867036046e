"""Writes the parts of docs/ that are drawn from the code: `python -m tools.docs` (make docs); tests/repo checks them.

A generated part stands between two HTML comments, so that the prose around it is kept. Pictures are drawn as well.
"""

import itertools
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec

from algotrade.domain import OrderStatus
from algotrade.execution.order_state import TABLE
from algotrade.ibkr.wire.answers import ANSWERS
from algotrade.ibkr.wire.layout import (
    Constant,
    Field,
    Item,
    Layout,
    Many,
    Member,
    Rest,
    Since,
    When,
    layout_of,
    members,
)
from algotrade.ibkr.wire.message import Message
from algotrade.ibkr.wire.requests import REQUESTS
from algotrade.strategy import STRATEGIES
from algotrade.telemetry import METRICS
from algotrade_runners.settings import Settings
from tools import signal_docs

ROOT = Path(__file__).resolve().parents[1]


def state_diagram() -> str:
    """Return the order state table as a Mermaid diagram."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> PENDING_NEW"]
    for status, row in TABLE.items():
        for following in dict.fromkeys(row.values()):
            events = [event.name.lower() for event, target in row.items() if target is following]
            if following is not status:
                lines.append(f"    {status.name} --> {following.name}: {', '.join(events)}")
    lines += [f"    {status.name} --> [*]" for status in OrderStatus if status.is_terminal]
    return "\n".join([*lines, "```"])


def configuration() -> str:
    """Return a table per section of the configuration."""
    parts = []
    for field in msgspec.structs.fields(Settings):
        if field.name == "instruments":
            continue
        struct = _section(field.type)
        title = "contracts.SYMBOL" if field.name == "contracts" else field.name
        parts.append(f"### `[{title}]`\n\n{_prose(struct)}\n\n{_keys(struct)}")
    parts += [
        f"### `[strategy.parameters]` of `{d.name}`\n\n{_prose(d.parameters)}\n\n{_keys(d.parameters)}"
        for d in STRATEGIES.values()]
    return "\n\n".join(parts)


def _section(kind: Any) -> Any:
    """Return the struct of a section that may be left out, or of which there may be several."""
    structs = [arg for arg in get_args(kind) if isinstance(arg, type) and issubclass(arg, msgspec.Struct)]
    return structs[0] if structs else kind


def metrics() -> str:
    """Return the table of metrics."""
    rows = ["| metric | kind | labels | what |", "|---|---|---|---|"]
    rows += [f"| `{m.name}` | {m.kind} | {', '.join(m.labels)} | {m.help} |" for m in METRICS.values()]
    return "\n".join(rows)


def answers() -> str:
    """Return the table of what an IBKR server tells."""
    return _messages(ANSWERS)


def requests() -> str:
    """Return the table of what an IBKR client asks."""
    return _messages(REQUESTS)


PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/ARCHITECTURE.md", "order states"): state_diagram,
    ("docs/CONFIGURATION.md", "sections"): configuration,
    ("docs/METRICS.md", "metrics"): metrics,
    ("docs/SIGNALS.md", "signals"): signal_docs.signals,
    ("docs/WIRE.md", "answers"): answers,
    ("docs/WIRE.md", "requests"): requests,
}


def rendered(name: str) -> str:
    """Return document ``name`` with its generated parts as the code has them now."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for (document, part), make in PARTS.items():
        if document == name:
            begin, end = f"<!-- generated: {part} -->", f"<!-- end: {part} -->"
            pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
            text, count = pattern.subn(lambda _: f"{begin}\n{make()}\n{end}", text)  # noqa: B023 -- used at once
            assert count == 1, f"{name} has {count} places for {part}"
    return text


def main() -> None:
    """Write every document that has generated parts, and draw the signals."""
    for name in dict.fromkeys(document for document, _ in PARTS):
        (ROOT / name).write_text(rendered(name), encoding="utf-8")
        sys.stdout.write(f"{name}\n")
    signal_docs.draw(ROOT)


def _prose(struct: Any) -> str:
    """Return the struct's docstring without its list of fields, which becomes the table."""
    paragraphs = re.split(r"\n\s*\n", _doc(struct))
    return "\n\n".join(" ".join(p.split()) for p in paragraphs if not p.strip().startswith("``"))


def _keys(struct: Any) -> str:
    meanings = _meanings(_doc(struct))
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        required = field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        default = "required" if required else _shown(
            field.default_factory() if field.default is msgspec.NODEFAULT else field.default)
        rows.append(f"| `{field.name}` | {default} | {meanings.get(field.name, '')} |")
    return "\n".join(rows)


def _meanings(doc: str) -> dict[str, str]:
    """Return field -> meaning from lines such as "``name``  what it means"; continuation lines are indented more."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in doc.splitlines():
        at = re.match(r"\s*((?:``\w+``,?\s*)+)\s(.*)$", line)
        if at and line.lstrip().startswith("``"):
            names = re.findall(r"``(\w+)``", at[1])
            for name in names:
                found[name] = at[2].strip(" :")
        elif names and line.startswith("        "):
            for name in names:
                found[name] += " " + line.strip()
        else:
            names = []
    return {name: text.replace("|", "\\|").replace("``", "`") for name, text in found.items()}


def _doc(struct: Any) -> str:
    doc = (struct.__doc__ or "").strip()
    return re.sub(r"^ {4}", "", doc, flags=re.MULTILINE) if "\n" in doc else doc


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, frozenset | tuple | dict):
        return "none" if not value else f"`{value}`"
    if isinstance(value, int | float | Decimal | date):
        return f"`{value}`"
    return f"`{value}`"


def _messages(messages: Sequence[type[Message]]) -> str:
    rows = ["| id | message | what | fields behind the id |", "|---|---|---|---|"]
    for message in sorted(messages, key=lambda m: m.ID):
        version = [] if message.VERSION is None else [f"`{message.VERSION}`"]
        fields = " ".join([*version, *_layout(layout_of(message), message)])
        rows.append(f"| {message.ID} | `{message.__name__}` | {_first_line(message)} | {fields} |")
    return "\n".join(rows)


def _layout(layout: Layout, record: type[msgspec.Struct]) -> list[str]:
    """Return the items of a layout as words, neighbours of one part together."""
    words: list[str] = []
    for part, items in itertools.groupby(layout, lambda i: i.path.rpartition(".")[0] if isinstance(i, Field) else None):
        found = [_item(item, record) for item in items]
        words += [f"{part}.({' '.join(found)})"] if part else found
    return words


def _item(item: Item, record: type[msgspec.Struct]) -> str:
    if isinstance(item, Field):
        kind = _member(record, item.path).kind
        may_be_unset = kind is not None and kind.name.startswith(("maybe", "spelt", "offset"))
        return item.path.rpartition(".")[2] + ("?" if may_be_unset else "")
    if isinstance(item, Many):
        part = _member(record, item.path).part
        each = "" if part is None else f".({' '.join(_layout(item.layout or layout_of(part), part))})"
        return f"# {item.path}{each}"
    if isinstance(item, Constant | Rest):
        return "-" if isinstance(item, Constant) else "*and more*"
    inside = " ".join(_layout(item.items, record))
    if isinstance(item, When):
        name = item.path.rpartition(".")[2]
        return f"[if {re.sub(r'(?<![a-z])x(?![a-z])', name, item.test)}: {inside}]"
    return f"[{'from' if isinstance(item, Since) else 'below'} {item.version}: {inside}]"


def _member(record: type[msgspec.Struct], path: str) -> Member:
    *parts, name = path.split(".")
    for part in parts:
        inner = members(record)[part].part
        assert inner is not None
        record = inner
    return members(record)[name]


def _first_line(message: type[Message]) -> str:
    return " ".join(_doc(message).split("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    main()
