import pytest

from tests.bus.contract import BusContract
from tests.bus.worlds import WORLDS


@pytest.fixture(params=WORLDS)
def world(request):
    made = WORLDS[request.param]()
    yield made
    made.close()


class TestEveryBody(BusContract):
    pass
