"""Settings and bodies that all tests share."""

import signal

import pytest
from hypothesis import settings

from batchenv.body import Body, load_body
from batchenv.body.polynomial_paths import with_polynomial_paths

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")
# Jobs in the background ignore Ctrl-C, and those under nohup a closed terminal; commands that tests interrupt
# would do likewise.
for _signum, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_signum) is signal.SIG_IGN:
        signal.signal(_signum, _handler)


@pytest.fixture(scope="session")
def body() -> Body:
    """The legs of myo_sim at 300 Hz; nobody may change it."""
    return load_body("myo_sim:myolegs", timestep=1 / 300)


@pytest.fixture(scope="session")
def polynomial_body(body: Body) -> Body:
    """The same with polynomials in place of tendons."""
    return with_polynomial_paths(body, 0.00025)


@pytest.fixture(params=["body", "polynomial_body"])
def each_body(request: pytest.FixtureRequest) -> Body:
    """Both of them in turn."""
    return request.getfixturevalue(request.param)
