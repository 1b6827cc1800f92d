"""`herokit serve`: one `Rewarder` over HTTP, so that all ranks share its models, processes and running means.

Needs the extra ``serve``. Importing this package loads neither FastAPI nor uvicorn.
"""

from herokit.service.limits import Limits

__all__ = ["Limits"]
