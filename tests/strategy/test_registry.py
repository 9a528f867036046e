import pytest

from algotrade.domain import Instruments, Kind
from algotrade.strategy import STRATEGIES, KernelRunner, default_for, definition_of
from algotrade.strategy.ema_cross import EMA_CROSS
from algotrade.strategy.ofi import OFI
from tests.strategy.worlds import INSTRUMENTS


def test_names_lead_to_definitions():
    assert definition_of("ema_cross") is EMA_CROSS
    assert definition_of("ofi") is OFI
    with pytest.raises(ValueError, match="strategy is 'sma'; allowed: ema_cross, ofi"):
        definition_of("sma")


@pytest.mark.parametrize(("kinds", "name"), [
    ({Kind.QUOTE}, "ofi"), ({Kind.BAR}, "ema_cross"), ({Kind.BAR, Kind.QUOTE, Kind.TRADE}, "ofi"),
    ({Kind.TRADE, Kind.BAR}, "ema_cross"),
])
def test_the_data_decides_on_the_default(kinds, name):
    assert default_for(kinds).name == name


def test_on_trades_alone_there_is_none():
    with pytest.raises(ValueError, match=r"kinds: trade; there are: ofi \(quote\), ema_cross \(bar\)"):
        default_for({Kind.TRADE})


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_runs_with_its_default_parameters(name):
    definition = definition_of(name)

    for instruments in (INSTRUMENTS, Instruments([])):
        runner = KernelRunner(definition, definition.parameters(), instruments, "run")
        assert (runner.name, runner.kinds) == (name, {definition.kind})
