import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.encoding import NotJSON, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)  # fmt: skip


@given(JSON)
def test_what_is_json_comes_back_equal(value):
    assert decode(encode(value)) == value


@given(st.recursive(JSON, lambda inner: st.dictionaries(st.integers(), inner, min_size=1)))
def test_nothing_comes_back_changed(value):
    try:
        text = encode(value)
    except NotJSON:
        return
    assert decode(text) == value


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"a": [1, {"b": math.nan}]}, "['a'][1]['b']: nan"),
        ({"a": -math.inf}, "['a']: -inf"),
        ({1: 2}, "the key 1 is int, not a str; use '1'"),
        ({"a": [{None: 1}]}, "['a'][0]: the key None"),
        ({"a": {1, 2}}, "['a']: set is not JSON; send a sorted list"),
        ({"a": np.int64(3)}, "['a']: numpy.int64 is not JSON; send .tolist()"),
        ({"a": np.zeros(2)}, "['a']: numpy.ndarray is not JSON; send .tolist()"),
        ({"a": datetime.date(2026, 1, 1)}, "['a']: datetime.date is not JSON; send .isoformat()"),
        ({"a": b"x"}, "['a']: bytes is not JSON; send .decode()"),
        ({"a": object()}, "['a']: object is not JSON"),
    ],
)
def test_what_is_not_json_is_named_with_its_place(value, complaint):
    with pytest.raises(NotJSON) as raised:
        encode(value)
    assert complaint in str(raised.value)


def test_a_value_that_contains_itself_is_named():
    value = {"list": []}
    value["list"].append(value)
    with pytest.raises(NotJSON, match=r"\['list'\]\[0\]: contains itself"):
        encode(value)


def test_a_value_that_is_too_deep_is_named_and_does_not_end_the_process():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotJSON, match="nested deeper"):
        encode(value)


def test_tuples_are_sent_as_lists():
    assert decode(encode({"a": (1, 2)})) == {"a": [1, 2]}
