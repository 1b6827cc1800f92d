"""The laws: universal ones, which everything of a kind keeps, and claimable ones, which hold where they are claimed."""

from herokit.testing.law import Law, Of
from herokit.testing.laws import arrays, order, purity, reward, reward_model, trainer, verifier
from herokit.testing.laws.arrays import backend_equivalence, namespace_dtype_device_preserved
from herokit.testing.laws.order import (
    all_reduce_equivalence,
    batch_split_invariance,
    group_independence,
    group_label_invariance,
    row_permutation_equivariance,
)
from herokit.testing.laws.purity import (
    config_round_trip,
    constructor_has_no_side_effects,
    deterministic,
    evaluation_keeps_state,
    finite_outputs,
    inputs_not_modified,
    pickle_round_trip,
    state_json_round_trip,
)
from herokit.testing.laws.reward import (
    affine_invariant_in_score,
    bounded,
    hacking_gain_bounded,
    monotone_in_score,
    neutral_to_constant_score,
    robust_to_score_noise,
    verifier_dominates,
)
from herokit.testing.laws.reward_model import (
    finite_scores,
    hostile_text_scored_or_failed,
    padding_invariance,
    reward_model_pickle_round_trip,
    scores_batch_independent,
    scores_order_preserved,
    truncation_reported,
)
from herokit.testing.laws.trainer import (
    steps_not_cancelled,
    uniform_groups_not_amplified,
    zero_advantage_without_signal,
)
from herokit.testing.laws.verifier import (
    answer_format_invariance,
    hostile_text_rejected,
    missing_reference_abstains,
    near_miss_rejected,
    no_code_execution,
    reference_accepted,
    surrounding_text_invariance,
    symmetric_equivalence,
    timeout_respected,
    verdicts_batch_independent,
    verdicts_order_preserved,
    verifier_pickle_round_trip,
)

ROOMS = (order, purity, arrays, reward, trainer, verifier, reward_model)
"""The modules that hold laws, in the order in which they are shown."""

LAWS: tuple[Law, ...] = tuple(value for room in ROOMS for value in vars(room).values() if isinstance(value, Law))
"""Every law."""


def list_laws(of: Of | None = None, *, universal: bool | None = None) -> tuple[Law, ...]:
    """Return the laws of a kind, or of all kinds: all of them, the universal or the claimable ones.

    Example:
        >>> [law.name for law in list_laws("combiner", universal=True)][:2]
        ['row_permutation_equivariance', 'group_label_invariance']
    """
    return tuple(law for law in LAWS if of in (None, law.kind) and universal in (None, law.universal))


def get_law(name: str) -> Law:
    """Return a law by name.

    Raises:
        ConfigError: no law of that name; the message offers the nearest.

    Example:
        >>> get_law("robust_to_score_noise").universal
        False
    """
    from herokit.errors import ConfigError, did_you_mean

    for law in LAWS:
        if law.name == name:
            return law
    raise ConfigError(f"no law {name!r}; {did_you_mean(name, [law.name for law in LAWS])}")


__all__ = [
    "LAWS",
    "affine_invariant_in_score",
    "all_reduce_equivalence",
    "answer_format_invariance",
    "backend_equivalence",
    "batch_split_invariance",
    "bounded",
    "config_round_trip",
    "constructor_has_no_side_effects",
    "deterministic",
    "evaluation_keeps_state",
    "finite_outputs",
    "finite_scores",
    "get_law",
    "group_independence",
    "group_label_invariance",
    "hacking_gain_bounded",
    "hostile_text_rejected",
    "hostile_text_scored_or_failed",
    "inputs_not_modified",
    "list_laws",
    "missing_reference_abstains",
    "monotone_in_score",
    "namespace_dtype_device_preserved",
    "near_miss_rejected",
    "neutral_to_constant_score",
    "no_code_execution",
    "padding_invariance",
    "pickle_round_trip",
    "reference_accepted",
    "reward_model_pickle_round_trip",
    "robust_to_score_noise",
    "row_permutation_equivariance",
    "scores_batch_independent",
    "scores_order_preserved",
    "state_json_round_trip",
    "steps_not_cancelled",
    "surrounding_text_invariance",
    "symmetric_equivalence",
    "timeout_respected",
    "truncation_reported",
    "uniform_groups_not_amplified",
    "verdicts_batch_independent",
    "verdicts_order_preserved",
    "verifier_dominates",
    "verifier_pickle_round_trip",
    "zero_advantage_without_signal",
]
