from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from algotrade.config import ConfigError, config_hash, convert, load, write


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: float = 1.0
    price: Decimal = Decimal("0.01")

    def __post_init__(self):
        if self.amount <= 0:
            raise ValueError(f"amount is {self.amount}; allowed: above 0")


class Outer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    inner: Inner = Inner()
    rows: tuple[Inner, ...] = ()
    count: int = 3
    missing: str | None = None


def file(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_what_is_written_is_read_back_and_hashes_the_same(tmp_path):
    config = Outer(name="x", inner=Inner(amount=2.5, price=Decimal("0.0001")), rows=(Inner(), Inner(amount=3.0)))
    write(tmp_path / "c.toml", config)

    again = load(tmp_path / "c.toml", Outer, {})

    assert again == config
    assert config_hash(again) == config_hash(config) != config_hash(Outer(name="y"))


@pytest.mark.parametrize(("text", "message"), [
    ("name = 3", r"key name is 3; allowed: `str`"),
    ("name = 'x'\ncount = 'many'", r"key count is 'many'; allowed: `int`"),
    ("name = 'x'\nnope = 1", r"key nope is unknown; allowed: name, inner, rows, count, missing"),
    ("name = 'x'\n[inner]\nammount = 1", r"key inner.ammount is unknown; allowed: amount, price"),
    ("name = 'x'\n[inner]\namount = -1.0", r"inner: amount is -1.0; allowed: above 0"),
    ("name = 'x'\n[[rows]]\namount = 1.0\n[[rows]]\namount = 'a'", r"key rows\[1\].amount is 'a'; allowed: `float`"),
    ("name = 'x'\n[[rows]]\nnope = 1", r"key rows\[0\].nope is unknown; allowed: amount, price"),
    ("count = 1", r"top level: missing required field `name`"),
    ("name = ", r"is not TOML"),
])
def test_a_bad_configuration_names_key_value_and_what_is_allowed(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(file(tmp_path, text), Outer, {})


def test_a_missing_file_and_one_that_is_not_text_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read"):
        load(tmp_path / "gone.toml", Outer, {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml cannot be read"):
        load(tmp_path / "binary.toml", Outer, {})


def test_the_environment_wins_over_the_file(tmp_path):
    path = file(tmp_path, "name = 'x'\n[inner]\namount = 1.0")

    config = load(path, Outer, {"ALGOTRADE__INNER__AMOUNT": "7.5", "ALGOTRADE__NAME": "plain text", "OTHER": "1"})

    assert (config.inner.amount, config.name) == (7.5, "plain text")
    with pytest.raises(ConfigError, match=r"key inner\.nope is unknown"):
        load(path, Outer, {"ALGOTRADE__INNER__NOPE": "1"})


def test_a_path_is_read_as_a_path():
    class WithPath(msgspec.Struct):
        where: Path

    assert convert({"where": "a/b"}, WithPath, "x").where == Path("a/b")
