"""Requests and responses of herokit's own protocol: requests are checked, and the OpenAPI schema is made of them."""

from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError
from starlette.responses import Response
from typing_extensions import TypeAliasType

from herokit.conversations.messages import check_messages
from herokit.types import Sample

__all__ = [
    "ErrorResponse",
    "Health",
    "Json",
    "Messages",
    "SampleBody",
    "ScoreRequest",
    "ScoreResponse",
    "SourceRequest",
    "SourceResponse",
    "State",
    "json_bytes_response",
    "json_response",
    "to_json",
]


def _to_integer(x: Any) -> Any:
    """Read 3.0 as 3, as JSON Schema does."""
    return int(x) if isinstance(x, float) and x.is_integer() else x


def _choose(**types: type | tuple[type, ...]) -> Any:
    """Return a discriminator by the type of a value, so that errors are those of one branch, and name the others."""
    expected = " or ".join(types)

    def find(value: Any) -> str | None:
        return next((name for name, kinds in types.items() if isinstance(value, kinds)), None)

    return Discriminator(find, custom_error_type="type", custom_error_message=f"expected {expected}")


def _check_json(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Check a value of JSON as a whole: nothing else can be wrong with it."""
    try:
        return check(value)
    except ValidationError:
        raise PydanticCustomError("json", "a number is not finite, or an integer has more than 64 bits") from None


Int = Annotated[Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)], BeforeValidator(_to_integer)]
Key = Annotated[
    Annotated[StrictStr, Tag("text")] | Annotated[Int, Tag("number")], _choose(text=str, number=(int, float))
]
Json = TypeAliasType("Json", "StrictStr | StrictBool | Int | FiniteFloat | list[Json] | dict[str, Json] | None")
JsonField = Annotated[Json, WrapValidator(_check_json)]
_MAX_MESSAGES = 10_000

Messages = Annotated[
    list[dict[StrictStr, Json]],
    Field(max_length=_MAX_MESSAGES, description="Messages in the chat format: objects with role and content."),
    AfterValidator(lambda messages: check_messages(messages, "messages")),
]
TextOrMessages = Annotated[
    Annotated[StrictStr, Tag("text")] | Annotated[Messages, Tag("messages")], _choose(text=str, messages=list)
]
Count = Annotated[Annotated[StrictInt, Field(ge=0, lt=2**31)], BeforeValidator(_to_integer)]
Cell = float | str | list[float | None] | None


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")  # an unknown key is a typing error


class SampleBody(_Request):
    """One rollout, as `herokit.Sample`."""

    prompt: TextOrMessages
    completion: TextOrMessages
    group: Key
    reference: JsonField = Field(
        default=None, description="Text, a number, a list or an object, as the verifier takes it."
    )
    meta: dict[StrictStr, JsonField] = Field(default_factory=dict)
    num_tokens: Count | None = Field(default=None, description="Tokens of the completion.")
    truncated: StrictBool | None = Field(default=None, description="Whether the generation ran into its limit.")
    thinking_opened: StrictBool | None = Field(
        default=None,
        description="Whether the prompt's template opens the thinking; null looks at the end of the prompt.",
    )

    def sample(self) -> Sample:
        """Return it as a `Sample`."""
        return Sample(**{name: getattr(self, name) for name in type(self).model_fields})


class ScoreRequest(_Request):
    """Rollouts of whole groups."""

    samples: list[SampleBody] = Field(min_length=1)
    update_state: StrictBool = Field(default=True, description="False for evaluation: the running means do not move.")
    id: Annotated[StrictStr, Field(min_length=8, max_length=80)] | None = Field(
        default=None,
        description="A random name of this request: if the same bytes are sent again, they get the same answer and are "
        "counted once; other bytes under this name are refused.",
    )
    group_size: Annotated[Annotated[StrictInt, Field(ge=1, lt=2**31)], BeforeValidator(_to_integer)] | None = Field(
        default=None, description="Rollouts that each group must have; a group of another size is rejected."
    )


class SourceRequest(_Request):
    """Rollouts for one source."""

    samples: list[SampleBody] = Field(min_length=1)


class SourceRow(BaseModel):
    """The results of sources for one rollout, named as the columns of a result file.

    For a source `rm`: `rm`, null without a value; `rm_status`, one of judged, unparsed, timeout, crashed, failed;
    `rm_reason`; for a verifier also `rm_answer` and `rm_origin`, the answer that it read and where; for a process reward model also `rm_steps`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Cell]


class ScoreRow(SourceRow):
    """What the scheme computed for one rollout, and the results of its sources, named as the columns of a result file."""

    group: Key
    reward: float | None = Field(description="null: a source has no value, or a filter dropped the row.")
    advantage: float | None
    weight: float | None
    credit: list[float | None] | None = Field(
        default=None, description="The advantages of its parts, if the scheme gives credit; absent otherwise."
    )
    valid: bool = Field(description="Whether every source has a value.")
    kept: bool = Field(description="Whether the row is valid and no filter dropped it.")


class SourceResponse(BaseModel):
    """One row per sample, in the order of the request."""

    rows: list[SourceRow]


class ScoreResponse(BaseModel):
    """One row per sample, in the order of the request."""

    rows: list[ScoreRow]


class State(_Request):
    """A rewarder's state, as `Rewarder.state_dict` returns it."""

    version: Int
    state: Json


class Health(BaseModel):
    """Whether the service accepts requests."""

    status: Literal["ok", "draining"]
    waiting_rows: int


class ErrorResponse(BaseModel):
    """Why a request was rejected, or could not be answered."""

    error: str


def to_json(data: Any) -> bytes:
    """Return JSON; non-finite numbers become null."""
    return pydantic_core.to_json(data, inf_nan_mode="null")


def json_response(data: Any, code: int = 200) -> Response:
    """Return a JSON response; non-finite numbers become null."""
    return json_bytes_response(to_json(data), code)


def json_bytes_response(data: bytes, code: int = 200) -> Response:
    """Return a response of JSON that is written already."""
    return Response(data, code, media_type="application/json")
