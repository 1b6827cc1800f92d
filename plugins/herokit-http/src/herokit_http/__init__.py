"""Reward models, verifiers and judges over HTTP, as herokit sources. Importing this opens no connection."""

from herokit_http.chat import Judge
from herokit_http.generative import GenerativeVerifier
from herokit_http.model import HttpRewardModel
from herokit_http.pairwise import PairwiseJudge
from herokit_http.request_policy import RequestPolicy
from herokit_http.rubric import RubricJudge
from herokit_http.service import ServiceRewardModel
from herokit_http.verifier import HttpVerifier

__all__ = [
    "GenerativeVerifier",
    "HttpRewardModel",
    "HttpVerifier",
    "Judge",
    "PairwiseJudge",
    "RequestPolicy",
    "RubricJudge",
    "ServiceRewardModel",
]
