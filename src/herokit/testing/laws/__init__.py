"""The laws: universal ones, which everything of a kind keeps, and claimable ones, which hold where they are claimed."""

from herokit.testing.law import Law, Of
from herokit.testing.laws import arrays, order, purity, reward, reward_model, trainer, verifier
from herokit.testing.laws.arrays import backends_agree, same_library_dtype_and_device_out
from herokit.testing.laws.order import (
    batches_split,
    groups_independent,
    groups_relabel,
    rows_permute,
    synced_halves_equal_the_whole,
)
from herokit.testing.laws.purity import (
    build_undoes_describe,
    constructor_does_no_work,
    deterministic,
    evaluation_leaves_no_trace,
    finite_in_finite_out,
    inputs_never_written,
    state_round_trips_json,
    survives_pickling,
)
from herokit.testing.laws.reward import (
    affine_invariant_in_the_rm,
    bounded,
    hacking_is_bounded,
    monotone_in_the_rm,
    neutral_when_the_rm_is_constant,
    robust,
    verifier_dominates,
)
from herokit.testing.laws.reward_model import (
    hostile_text_gets_a_score_or_a_reason,
    model_survives_pickling,
    padding_does_not_matter,
    scores_are_finite,
    scores_do_not_see_neighbours,
    scores_follow_their_samples,
    truncation_is_reported,
)
from herokit.testing.laws.trainer import (
    every_step_is_visible_to_the_trainer,
    no_gradient_from_an_indifferent_rm,
    uniform_groups_are_not_inflated,
)
from herokit.testing.laws.verifier import (
    equivalence_is_symmetric,
    hostile_text_is_wrong_not_missing,
    limit_is_kept,
    missing_reference_abstains,
    nothing_is_executed,
    perturbation_is_refused,
    prose_does_not_matter,
    reference_verifies_itself,
    verdicts_do_not_see_neighbours,
    verdicts_follow_their_samples,
    verifier_survives_pickling,
    wrapping_does_not_matter,
)

ROOMS = (order, purity, arrays, reward, trainer, verifier, reward_model)
"""The modules that hold laws, in the order in which they are shown."""

LAWS: tuple[Law, ...] = tuple(value for room in ROOMS for value in vars(room).values() if isinstance(value, Law))
"""Every law."""


def laws_of(of: Of | None = None, *, universal: bool | None = None) -> tuple[Law, ...]:
    """Return the laws of a kind, or of all kinds: all of them, the universal or the claimable ones.

    Example:
        >>> [law.name for law in laws_of("combiner", universal=True)][:2]
        ['rows_permute', 'groups_relabel']
    """
    return tuple(law for law in LAWS if of in (None, law.of) and universal in (None, law.universal))


def find_law(name: str) -> Law:
    """Return a law by name.

    Raises:
        ConfigError: no law of that name; the message offers the nearest.

    Example:
        >>> find_law("robust").universal
        False
    """
    from herokit.errors import ConfigError, did_you_mean

    for law in LAWS:
        if law.name == name:
            return law
    raise ConfigError(f"no law {name!r}; {did_you_mean(name, [law.name for law in LAWS])}")


__all__ = [
    "LAWS",
    "affine_invariant_in_the_rm",
    "backends_agree",
    "batches_split",
    "bounded",
    "build_undoes_describe",
    "constructor_does_no_work",
    "deterministic",
    "equivalence_is_symmetric",
    "evaluation_leaves_no_trace",
    "every_step_is_visible_to_the_trainer",
    "find_law",
    "finite_in_finite_out",
    "groups_independent",
    "groups_relabel",
    "hacking_is_bounded",
    "hostile_text_gets_a_score_or_a_reason",
    "hostile_text_is_wrong_not_missing",
    "inputs_never_written",
    "laws_of",
    "limit_is_kept",
    "missing_reference_abstains",
    "model_survives_pickling",
    "monotone_in_the_rm",
    "neutral_when_the_rm_is_constant",
    "no_gradient_from_an_indifferent_rm",
    "nothing_is_executed",
    "padding_does_not_matter",
    "perturbation_is_refused",
    "prose_does_not_matter",
    "reference_verifies_itself",
    "robust",
    "rows_permute",
    "same_library_dtype_and_device_out",
    "scores_are_finite",
    "scores_do_not_see_neighbours",
    "scores_follow_their_samples",
    "state_round_trips_json",
    "survives_pickling",
    "synced_halves_equal_the_whole",
    "truncation_is_reported",
    "uniform_groups_are_not_inflated",
    "verdicts_do_not_see_neighbours",
    "verdicts_follow_their_samples",
    "verifier_dominates",
    "verifier_survives_pickling",
    "wrapping_does_not_matter",
]
