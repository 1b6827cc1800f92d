"""`herokit serve`: one `Rewarder` behind HTTP, so that all ranks share its models, its processes and its running mean.

Needs the extra ``serve``. Importing this package loads neither FastAPI nor uvicorn; `make_app` and `serve` do.
"""

from herokit.service.limits import Limits

__all__ = ["Limits"]
