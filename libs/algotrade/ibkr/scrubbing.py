"""Takes out of recorded messages who was recorded: accounts, order references, names. What was traded stays.

A message that our codec reads is scrubbed field by field. One that it cannot read keeps its id, its numbers and its
lengths, and no letter; nor do fields that a server adds behind those we know. Above that, whatever looks like an
account is replaced wherever it stands.
"""

import re
from typing import Any

import msgspec

from algotrade.ibkr.wire import Codec, Message, WireError
from algotrade.ibkr.wire import answers as a

ACCOUNT = re.compile(rb"(?<![A-Za-z0-9])D?[A-Z][0-9]{5,9}(?![A-Za-z0-9])")
"""What an account looks like: U1234567, F1234567, DU1234567, DF1234567 (observed)."""
REFERENCES = frozenset({"order_ref"})
NAMES = frozenset({
    "model_code", "fa_group", "fa_method", "fa_profile", "settling_firm", "clearing_account", "ext_operator",
    "soft_dollar_name", "soft_dollar_value", "soft_dollar_display_name", "shareholder", "designated_location", "group",
    "mifid2_decision_maker", "mifid2_decision_algo", "mifid2_execution_trader", "mifid2_execution_algo", "algo_id",
    "delta_neutral_settling_firm", "delta_neutral_clearing_account", "delta_neutral_designated_location", "oca_group",
})
"""Fields that may name somebody, or say how somebody works."""
SCRUBBED = REFERENCES | NAMES | {"account"}
"""Fields in which everybody gets a pseudonym."""
KEYS_WITH_NAMES = frozenset({"AccountCode", "AccountOrGroup", "AccountOwner", "Owner"})
"""Of account values, those whose value names somebody."""
NOBODY = frozenset({"", "All"})
"""What stands for no account in particular."""
FREE_TEXT_MIN = 4
"""A name or reference shorter than this is not looked for inside longer texts: it would be found everywhere."""


class Scrubber:
    """Gives everybody a pseudonym, the same one each time. ``account``: one that is known beforehand, or ""."""

    def __init__(self, account: str = "") -> None:
        self._pseudonyms: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        if account:
            self._account(account)

    def answer(self, payload: bytes, codec: Codec) -> bytes:
        """Return what the server told, without who it was told to."""
        try:
            told = codec.decode_answer(payload)
        except WireError:
            return masked(payload)
        if isinstance(told, a.ManagedAccounts):
            for name in told.accounts.split(","):
                self._account(name.strip())
        return self._scrubbed(payload, told, codec, codec.decode_answer)

    def request(self, payload: bytes, codec: Codec) -> bytes:
        """Return what a client asked, without who asked."""
        try:
            asked = codec.decode_request(payload)
        except WireError:
            return masked(payload)
        return self._scrubbed(payload, asked, codec, codec.decode_request)

    def _scrubbed(self, payload: bytes, message: Message, codec: Codec, decode: Any) -> bytes:
        wanted = self._of(message)
        try:
            canonical = codec.encode(wanted)[4:]
        except WireError:  # read, but nothing that we would write: it is not known well enough
            return masked(payload)
        fields = payload.split(b"\0")
        known = canonical.count(b"\0")
        replaced = {old.encode(): new.encode() for old, new in self._replaced(message, wanted)}
        # Whoever writes numbers otherwise than we do shall be heard so: only the fields that name somebody change.
        kept = [self.text(replaced.get(field, field)) for field in fields[:known]]
        tail = [masked_field(field) for field in fields[known:]]
        scrubbed = b"\0".join([*kept, *tail])
        try:
            if decode(scrubbed) == wanted:
                return scrubbed
        except WireError:
            pass
        # A reference such as "1" looks like other fields: then our own spelling of the message stands for it.
        return canonical

    def _of(self, value: Any) -> Any:
        """Return ``value``, a message or a part of one, scrubbed."""
        changed = {}
        for name in type(value).__struct_fields__:
            old = getattr(value, name)
            if isinstance(old, str):
                new: Any = self._field(value, name, old)
            elif isinstance(old, msgspec.Struct):
                new = self._of(old)
            elif isinstance(old, tuple):
                new = tuple(self._of(one) if isinstance(one, msgspec.Struct) else one for one in old)
            else:
                continue
            if new != old:
                changed[name] = new
        return msgspec.structs.replace(value, **changed) if changed else value

    def _field(self, owner: Any, name: str, text: str) -> str:
        if name == "account":
            return self._account(text)
        if name in REFERENCES:
            return self._pseudonym(text, "ref-")
        if name in NAMES:
            return self._pseudonym(text, "name-")
        key = getattr(owner, "key", "") or getattr(owner, "tag", "")
        if name == "value" and key in KEYS_WITH_NAMES:
            return self._account(text)
        return self.text(text.encode()).decode()

    def _replaced(self, old: Any, new: Any) -> list[tuple[str, str]]:
        """Return the texts that differ between a message and its scrubbed form."""
        found: list[tuple[str, str]] = []
        for name in type(old).__struct_fields__:
            before, after = getattr(old, name), getattr(new, name)
            if isinstance(before, str):
                if before != after:
                    found.append((before, after))
            elif isinstance(before, msgspec.Struct):
                found += self._replaced(before, after)
            elif isinstance(before, tuple):
                for one, other in zip(before, after, strict=True):
                    found += self._replaced(one, other) if isinstance(one, msgspec.Struct) else []
        return found

    def text(self, text: bytes) -> bytes:
        """Replace, inside ``text``, whatever is known to name somebody or looks like an account."""
        for name, pseudonym in self._pseudonyms.items():
            if len(name) >= FREE_TEXT_MIN:
                text = _replace_word(text, name.encode(), pseudonym.encode())
        return ACCOUNT.sub(self._found, text)

    def _found(self, match: re.Match[bytes]) -> bytes:
        name = match.group().decode()
        return name.encode() if name in self._pseudonyms.values() else self._account(name).encode()

    def _account(self, name: str) -> str:
        if name in NOBODY or name in self._pseudonyms.values():
            return name
        return self._pseudonym(name, "DU")

    def _pseudonym(self, name: str, prefix: str) -> str:
        if name in NOBODY:
            return name
        known = self._pseudonyms.get(name)
        if known is None:
            number = self._counts[prefix] = self._counts.get(prefix, 0) + 1
            known = self._pseudonyms[name] = f"{prefix}{number:07d}" if prefix == "DU" else f"{prefix}{number}"
        return known


def anonymous(value: Any) -> Any:
    """Return ``value``, a message or a part of one, with nothing in the fields that a scrubber gives pseudonyms."""
    changed: dict[str, Any] = {}
    for name in type(value).__struct_fields__:
        old = getattr(value, name)
        if isinstance(old, str) and name in SCRUBBED:
            changed[name] = ""
        elif isinstance(old, msgspec.Struct):
            changed[name] = anonymous(old)
    return msgspec.structs.replace(value, **changed) if changed else value


def masked(payload: bytes) -> bytes:
    """Return ``payload`` with its id and its numbers, and of everything else the lengths alone."""
    first, *rest = payload.split(b"\0")
    return b"\0".join([first if first.isdigit() else masked_field(first), *map(masked_field, rest)])


_NUMBER = re.compile(rb"-?[0-9.]*(?:[eE][+-]?[0-9]+)?")
_CHARACTER = re.compile(rb"[^\s]")


def masked_field(field: bytes) -> bytes:
    """Return ``field`` where it is a number, else as many x."""
    return field if _NUMBER.fullmatch(field) else _CHARACTER.sub(b"x", field)


def _replace_word(text: bytes, word: bytes, other: bytes) -> bytes:
    if word not in text:
        return text
    return re.sub(rb"(?<![A-Za-z0-9])" + re.escape(word) + rb"(?![A-Za-z0-9])", lambda _: other, text)


