"""Read a TOML file into a typed struct, or say what is wrong: the key, its value, and what is allowed.

Any key can be set from the environment too, which wins over the file: ``ALGOTRADE__SECTION__KEY=value``, the value as
TOML would have it, or as plain text.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli_w

T = TypeVar("T")

ENVIRONMENT_PREFIX = "ALGOTRADE__"

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>[^`]*)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class ConfigError(ValueError):
    """A configuration cannot be used; the message names file, key, value and what is allowed."""


def load(path: Path, kind: type[T], environment: Mapping[str, str]) -> T:
    """Return the configuration in ``path`` as a ``kind`` struct."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path} cannot be read: {error}") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}") from error
    override(values, environment)
    return convert(values, kind, str(path))


def convert(values: dict[str, Any], kind: type[T], source: str) -> T:
    """Return ``values`` as a ``kind`` struct; ``source`` is named in the error."""
    try:
        return msgspec.convert(values, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration {source}: {_explain(str(error), values, kind)}") from error


def write(path: Path, config: Any) -> None:
    """Write ``config`` as TOML; ``load`` gives it back. Settings that are None are left out: their absence says so."""
    builtins = msgspec.to_builtins(config, enc_hook=str, builtin_types=())
    path.write_text(tomli_w.dumps(_without_none(builtins)), encoding="utf-8")


def config_hash(config: Any) -> str:
    """Return the SHA-256 of the configuration's canonical form: the same settings give the same hash."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted", enc_hook=str)).hexdigest()


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"no way to make {kind} of {value!r}")


def override(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Set in ``values`` whatever the environment sets (``ENVIRONMENT_PREFIX``)."""
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *sections, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        at = values
        for section in sections:
            at = at.setdefault(section, {})
        try:
            at[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            at[key] = text


def _explain(message: str, values: Any, kind: Any) -> str:
    """Turn msgspec's message into one that names the key, the value and what is allowed."""
    at = _AT.search(message)
    path = at["path"] if at else ""
    what = _AT.sub("", message)
    here, fields = values, kind
    for name, index in _STEP.findall(path):
        here, fields = _into(here, name, index), _field_type(fields, name)
    key = path.removeprefix(".")
    unknown = _UNKNOWN.match(what)
    if unknown:
        allowed = ", ".join(_field_names(fields)) or "no key"
        name = f"{key}.{unknown['field']}".removeprefix(".")
        return f"key {name} is unknown; allowed: {allowed}"
    if "; allowed: " in what:  # our own structs say it all
        return f"{key}: {what}" if key else what
    if what.startswith("Object missing required field"):
        return f"{key or 'top level'}: {what.removeprefix('Object ')}"
    return f"key {key} is {here!r}; allowed: {what.removeprefix('Expected ').split(', got')[0]}"


def _into(here: Any, name: str, index: str) -> Any:
    try:
        return here[int(index)] if index else here[name]
    except (KeyError, IndexError, TypeError):
        return None


def _field_type(kind: Any, name: str) -> Any:
    """Return the type of field ``name``, or of an element where ``name`` is empty; None where it has no fields."""
    if not name:
        return next((a for a in getattr(kind, "__args__", ()) if isinstance(a, type)), None)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    return next((f.type for f in msgspec.structs.fields(kind) if f.encode_name == name), None)


def _field_names(kind: Any) -> list[str]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return []
    return [f.encode_name for f in msgspec.structs.fields(kind)]


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_none(inner) for inner in value]
    return str(value) if isinstance(value, Decimal) else value
