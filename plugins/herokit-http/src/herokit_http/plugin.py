"""Registers the plugin under the entry point ``http``. A file of its own, because the entry point names it."""

from herokit.hookspecs import Register, hookimpl

__all__ = ["herokit_register"]


@hookimpl
def herokit_register(register: Register) -> None:
    """Register the reward models and verifiers over HTTP."""
    register.reward_model("http", "herokit_http:HttpRewardModel")
    register.reward_model("http-service", "herokit_http:ServiceRewardModel")
    register.reward_model("pairwise-judge", "herokit_http:PairwiseJudge")
    register.verifier("http-verifier", "herokit_http:HttpVerifier")
    register.verifier("generative-verifier", "herokit_http:GenerativeVerifier")
    register.verifier("rubric-judge", "herokit_http:RubricJudge")
