import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """A local Ray with four pretended cores, for every test here."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # without it Ray warns of a future change
    import ray

    ray.init(num_cpus=4, num_gpus=0, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()
