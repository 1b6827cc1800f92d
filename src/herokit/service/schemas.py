"""What travels over HTTP, as types: requests are checked against them, and the OpenAPI schema is made of them."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StrictBool, StrictInt, StrictStr
from typing_extensions import TypeAliasType

from herokit.types import Sample


def _whole(x: Any) -> Any:
    """Read 3.0 as 3, as JSON Schema does."""
    return int(x) if isinstance(x, float) and x.is_integer() else x


Int = Annotated[Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)], BeforeValidator(_whole)]
Key = StrictStr | Int
Json = TypeAliasType("Json", "StrictStr | StrictBool | Int | FiniteFloat | list[Json] | dict[str, Json] | None")


class _Ours(BaseModel):
    """Our own protocol: an unknown key is a typing error and refused."""

    model_config = ConfigDict(extra="forbid")


class _Theirs(BaseModel):
    """Somebody else's protocol: what we do not know is let pass."""

    model_config = ConfigDict(extra="ignore")


class SampleIn(_Ours):
    """One rollout, as `herokit.Sample`."""

    prompt: StrictStr
    completion: StrictStr
    group: Key
    reference: StrictStr | None = None
    meta: dict[StrictStr, Json] = Field(default_factory=dict)

    def sample(self) -> Sample:
        """Return it as the sources take it."""
        return Sample(self.prompt, self.completion, self.group, self.reference, self.meta)


class ScoreIn(_Ours):
    """Rollouts of whole groups."""

    samples: list[SampleIn] = Field(min_length=1)
    update_state: StrictBool = Field(default=True, description="False for evaluation: the running means do not move.")
    id: Annotated[StrictStr, Field(min_length=8, max_length=80)] | None = Field(
        default=None,
        description="A name for this request, drawn at random: sent again, it gets the same answer and is counted once.",
    )
    group_size: Annotated[Annotated[StrictInt, Field(ge=1, lt=2**31)], BeforeValidator(_whole)] | None = Field(
        default=None, description="How many rollouts each group must have; a group that has another number is refused."
    )


class AskIn(_Ours):
    """Rollouts for one source."""

    samples: list[SampleIn] = Field(min_length=1)


class SaidOut(BaseModel):
    """What one source says of one rollout."""

    value: float | None = Field(description="null: it could not say; `status` and `reason` tell why.")
    status: Literal["judged", "unparsed", "timeout", "crashed", "failed"]
    reason: str
    answer: str | None = Field(description="The answer a verifier read from the completion.")
    steps: list[float | None] | None = Field(description="What a process reward model says of each step.")


class RowOut(BaseModel):
    """What the scheme makes of one rollout."""

    reward: float | None = Field(description="null: a source could not say, or a filter marked the row.")
    advantage: float | None
    weight: float | None
    kept: bool
    problem: str = Field(description="Why there is no reward; empty if there is one.")
    sources: dict[str, SaidOut]


class ScoreOut(BaseModel):
    """One row a sample, in the order of the request."""

    rows: list[RowOut]


class AskOut(BaseModel):
    """One row a sample, in the order of the request."""

    rows: list[SaidOut]


class OpenRLHFIn(_Theirs):
    """OpenRLHF's remote reward: lists of equal lengths."""

    query: StrictStr | list[StrictStr] = Field(description="Prompt and response together, one text or a list.")
    prompts: StrictStr | list[StrictStr] | None = None
    labels: Json = Field(default=None, description="The references, one or a list.")


class OpenRLHFOut(BaseModel):
    """Numbers for one query, lists for several."""

    rewards: float | list[float]
    scores: float | list[float] = Field(description="In [0, 1], for dynamic filtering: the verifier's verdict.")
    extra_logs: dict[str, float | list[float]]


class Message(_Theirs):
    """One chat message."""

    role: StrictStr
    content: StrictStr


class ClassifyIn(_Theirs):
    """vLLM's /classify: texts, or the messages of one chat."""

    model: StrictStr | None = Field(default=None, description="A reward model of the scheme; needed if it has several.")
    input: StrictStr | list[StrictStr] | None = None
    messages: list[Message] | None = None
    use_activation: StrictBool | None = Field(
        default=None, description="True for a sigmoid. Raw scores otherwise, unlike vLLM, which then squashes."
    )


class ClassOut(BaseModel):
    """The score of one text."""

    index: int
    label: str
    probs: list[float]
    num_classes: int


class ClassifyOut(BaseModel):
    """The shape of vLLM's answer."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[ClassOut]
    usage: dict[str, int]


class State(_Ours):
    """A rewarder's state, as `Rewarder.state_dict` returns it."""

    version: Int
    state: Json


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "draining", "broken"]
    waiting_rows: int


class Refusal(BaseModel):
    """Why a request was refused, or could not be answered."""

    error: str


def reference_of(label: Any) -> str | None:
    """Read a label of OpenRLHF as a reference: text as it is, anything else as its JSON.

    Example:
        >>> reference_of("4"), reference_of(4), reference_of(None)
        ('4', '4', None)
    """
    return label if label is None or isinstance(label, str) else json.dumps(label)
