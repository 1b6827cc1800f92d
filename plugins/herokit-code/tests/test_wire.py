"""What crosses between a test and a solution is what was sent, and noise is nothing else."""

import struct
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from herokit_code.proxy_operators import Handle
from herokit_code.rpc_endpoint import End

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.booleans(), inner)
        | st.frozensets(st.text())
        | st.sets(st.integers())
    ),
)


class Loop(End):
    """An end without another one."""

    def __init__(self):
        super().__init__(BytesIO(), BytesIO(), {}, lambda: None)


@given(VALUES)
@settings(max_examples=300)
def test_values_cross_unchanged(value):
    end = Loop()
    found = end.read(BytesIO(end.text(value)))
    assert (found, type(found)) == (value, type(value))


TOKENS = st.tuples(
    st.sampled_from(b"nbifsraltezdmoyq"), st.integers(0, 6) | st.integers(0, 2**64 - 1), st.binary(max_size=9)
)
KINDS = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    bytearray,
    list,
    tuple,
    set,
    frozenset,
    dict,
    complex,
    range,
    type,
    Handle,
)


@given(st.lists(TOKENS.map(lambda t: struct.pack("<cQ", bytes([t[0]]), t[1]) + t[2])).map(b"".join) | st.binary())
@settings(max_examples=500)
def test_noise_becomes_a_plain_value_or_an_error(noise):
    try:
        found = Loop().read(BytesIO(noise))
    except Exception:  # noqa: BLE001 - any will do
        return
    assert type(found) in KINDS or type(found).__module__ in ("collections", "decimal", "fractions", "datetime")
