from tests.bus.contract import BusContract


class TestKafka(BusContract):
    pass
