"""How a server is reached: time, tries, load."""

from dataclasses import dataclass, fields

from herokit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reach:
    """How hard to try, and when to stop.

    Attributes:
        seconds: time limit of one try.
        deadline: time limit of one call of `score` or `verify`, all rows together; rows without an answer by then are
            failed.
        tries: tries a request; connection errors, timeouts and the statuses 408, 425, 429 and 5xx are tried again.
        wait: seconds before the second try; doubles, with jitter, up to 30. A Retry-After of the server is heeded.
        at_once: requests under way at a time.
        patience: requests that may fail in a row, each after all its tries, before the server counts as dead.
        rest: seconds that a dead server is not asked.
        largest: bytes of an answer that are read.
        token: the name of an environment variable that holds a bearer token; "" sends none.

    Raises:
        ConfigError: a number is not positive.

    Example:
        >>> Reach(tries=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: Reach: tries = 0; expected a number above 0
    """

    seconds: float = 60.0
    deadline: float = 600.0
    tries: int = 5
    wait: float = 0.5
    at_once: int = 16
    patience: int = 8
    rest: float = 30.0
    largest: int = 64 * 2**20
    token: str = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "token" and not 0 < value < float("inf"):
                raise ConfigError(f"Reach: {item.name} = {value!r}; expected a number above 0")
