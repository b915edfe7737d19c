from pathlib import Path

import pytest

from batchenv.errors import BodyError
from batchenv.tasks.gaitnet.law import gaitnet_records
from tests.body.gaitnet.small_gaitnet import small_body


def test_a_body_without_a_head_is_refused(tmp_path: Path):
    with pytest.raises(BodyError, match="no body 'Head' in the skeleton; its bodies are Pelvis, FemurR"):
        gaitnet_records(small_body(tmp_path))
