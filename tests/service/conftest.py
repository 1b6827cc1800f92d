import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("service_stubs", Path(__file__).with_name("stubs.py"))
_module = importlib.util.module_from_spec(_spec)
sys.modules["service_stubs"] = _module
_spec.loader.exec_module(_module)
