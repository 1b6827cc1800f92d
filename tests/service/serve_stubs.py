"""Serve the stubs in a process of their own: serve_stubs.py STATE MODEL LIMIT=VALUE ..."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from stubs import Exact, Short, Slow

from herokit import hero_advantage
from herokit.config import Scheme
from herokit.service import Limits
from herokit.service.server import Address, find_token, serve

if __name__ == "__main__":
    state, model, *settings = sys.argv[1:]
    scheme = Scheme({"verifier": Exact(), "rm": {"slow": Slow, "short": Short}[model]()}, hero_advantage())
    limits = {name: float(v) if "." in v else int(v) for name, v in (x.split("=") for x in settings)}
    address = Address(port=limits.pop("port", 0))
    serve(scheme, address, Limits(**limits), token=find_token(address), state_path=Path(state), save_every=0.5)
