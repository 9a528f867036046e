import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrade.domain import IntentId

words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=20)


@given(words, words, st.integers(0, 2**62), st.integers(0, 100))
def test_an_intent_id_survives_its_text_form(strategy, run, sequence, number):
    intent_id = IntentId(strategy=strategy, run=run, sequence=sequence, number=number)

    assert IntentId.parse(str(intent_id)) == intent_id


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b.1.x", "a.b.-1.0", "a.b.1.2.3"])
def test_any_other_text_is_refused(text):
    with pytest.raises(ValueError, match="allowed: strategy"):
        IntentId.parse(text)


def test_ids_of_one_strategy_sort_by_the_record_that_bore_them():
    ids = [IntentId(strategy="s", run="r", sequence=s, number=n) for s in (1, 2, 10) for n in (0, 1)]

    backwards = ids[::-1]
    assert sorted(backwards) == ids
