"""Bodies that the tests of GaitNet's worlds share; nobody may change them."""

import pytest

from batchenv.body.gaitnet import GaitNetBody
from tests.engine.small_worlds import body_with_head


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> GaitNetBody:
    """Pelvis, legs, trunk and head; six muscles, two of them blended."""
    return body_with_head(tmp_path_factory.mktemp("gaitnet"))
