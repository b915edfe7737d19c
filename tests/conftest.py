"""Settings and bodies that all tests share."""

import signal

import pytest
from hypothesis import settings

from batchenv.body import Body, load_body

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")
# Shells start jobs in the background with Ctrl-C ignored, and so would be the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def body() -> Body:
    """The legs of myo_sim at 300 Hz; nobody may change it."""
    return load_body("myo_sim:myolegs", timestep=1 / 300)
