"""Serve the stand-ins in a process of their own: serving.py STATE MODEL LIMIT=VALUE ..."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from stand_ins import Brief, Exact, Slow

from herokit import hero_advantage
from herokit.config import Scheme
from herokit.service import Limits
from herokit.service.server import Address, find_token, serve

if __name__ == "__main__":
    state, model, *limits = sys.argv[1:]
    scheme = Scheme({"verifier": Exact(), "rm": {"slow": Slow, "brief": Brief}[model]()}, hero_advantage())
    given = {name: float(v) if "." in v else int(v) for name, v in (x.split("=") for x in limits)}
    address = Address(port=given.pop("port", 0))
    made = Limits(**given)
    serve(scheme, address, made, token=find_token(address), state=Path(state), snapshot=0.5)
