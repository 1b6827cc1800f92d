"""Values are decoded as they were encoded; noise becomes a plain value or an error."""

import struct
from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from herokit_code.proxy_operators import Proxy
from herokit_code.rpc_endpoint import RpcEndpoint

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


class Loopback(RpcEndpoint):
    """An endpoint that is not connected."""

    def __init__(self):
        super().__init__(BytesIO(), BytesIO(), {}, lambda: None)


@given(VALUES)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
def test_decode_returns_what_was_encoded(value):
    endpoint = Loopback()
    decoded = endpoint.decode(BytesIO(endpoint.encode(value)))
    assert (decoded, type(decoded)) == (value, type(value))


TOKENS = st.tuples(
    st.sampled_from(b"nbifsraltezdmoyq"), st.integers(0, 6) | st.integers(0, 2**64 - 1), st.binary(max_size=9)
)
DECODED_TYPES = (
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
    Proxy,
)


@given(st.lists(TOKENS.map(lambda t: struct.pack("<cQ", bytes([t[0]]), t[1]) + t[2])).map(b"".join) | st.binary())
@settings(max_examples=500)
def test_decode_of_noise_gives_a_plain_value_or_an_error(noise):
    try:
        decoded = Loopback().decode(BytesIO(noise))
    except Exception:  # noqa: BLE001 - any error is fine
        return
    libraries = ("collections", "decimal", "fractions", "datetime")
    assert type(decoded) in DECODED_TYPES or type(decoded).__module__ in libraries
