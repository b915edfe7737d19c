"""GaitNet's own configuration files, read unchanged."""

from batchenv.config.gaitnet.environment import GaitNetEnvironment, is_gaitnet
from batchenv.config.gaitnet.foreign_keys import GAITNET_ABSENT, gaitnet_remarks
from batchenv.config.gaitnet.reward import GaitNetReward
from batchenv.config.gaitnet.training import GaitNetTraining, translated_training

__all__ = [
    "GAITNET_ABSENT",
    "GaitNetEnvironment",
    "GaitNetReward",
    "GaitNetTraining",
    "gaitnet_remarks",
    "is_gaitnet",
    "translated_training",
]
