"""Universal laws: one formula, whatever library holds the arrays."""

import numpy as np

from herokit.testing.batches import Case, Numbers
from herokit.testing.law import Choose, law
from herokit.testing.laws.compare import same
from herokit.testing.subjects import CombinerSubject
from herokit.testing.verdict import Broken, Moot

NEAR = {"float64": 1e-6, "float32": 2e-3}
"""How far a library may be from numpy in float64, relative to the larger reward or 1."""


@law("combiner", costly=True)
def namespace_dtype_device_preserved(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """An array of the library, float type and device that came in goes out.

    Why: a hidden move to numpy stalls a GPU; a hidden float64 doubles memory and breaks a bfloat16 run.

    In training: the step would wait for the host at every batch, or fail on the first tensor that is not on the CPU.
    """
    del choose
    state = subject.state(case)
    for backend in subject.backends:
        for dtype in backend.dtypes:
            signals = backend.signals(case.batch, dtype)
            raw = subject.apply(signals, case.batch, state).raw
            like = next(iter(signals.values.values()))
            if type(raw) is not type(like):
                raise Broken(f"{backend.name} in, {type(raw).__module__}.{type(raw).__name__} out", case.batch)
            if raw.dtype != like.dtype or getattr(raw, "device", None) != getattr(like, "device", None):
                raise Broken(f"{backend.name}: {like.dtype} in, {raw.dtype} out", case.batch)


@law("combiner", span="plain", costly=True)
def backend_equivalence(subject: CombinerSubject, case: Case, choose: Choose) -> None:
    """Every array library gives numpy's rewards, also numpy itself with arrays that cannot be written.

    Why: a scheme is tried in a notebook on numpy and trained on tensors; both must be the same scheme.

    In training: what was tested would not be what runs.
    """
    del choose
    if len(subject.backends) == 1:
        raise Moot("only one array library was asked for")
    state = subject.state(case)
    exact = subject.here(case)
    for backend in subject.backends:
        for dtype in backend.dtypes:
            if dtype == "float32" and _near_a_tie(exact.out, case):
                continue
            there = subject.run(case.batch, state, backend=backend, dtype=dtype)
            message = f"{backend.name} in {dtype} gives other rewards than numpy in float64"
            same(case.batch, message, NEAR[dtype], numpy=exact.out, other=there.out)


def _near_a_tie(out: Numbers, case: Case) -> bool:
    """Return whether rounding to float32 can break a tie among the rewards, which no library can help."""
    return any(0.0 < d < NEAR["float32"] for rows in case.batch.members() for d in np.abs(np.diff(np.sort(out[rows]))))
