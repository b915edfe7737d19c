"""GaitNet's own configuration files, read unchanged."""

from batchenv.config.gaitnet.environment import GaitNetEnvironment, is_gaitnet
from batchenv.config.gaitnet.foreign_keys import GAITNET_ABSENT, gaitnet_remarks, without_idle_keys
from batchenv.config.gaitnet.noise import NoiseFile, read_noise
from batchenv.config.gaitnet.old_keys import with_nested_keys
from batchenv.config.gaitnet.parameters import GaitNetRange, usual_value
from batchenv.config.gaitnet.reward import GaitNetReward
from batchenv.config.gaitnet.training import GaitNetTraining, translated_training
from batchenv.config.gaitnet.xml_text import is_xml, parse_xml

__all__ = [
    "GAITNET_ABSENT",
    "GaitNetEnvironment",
    "GaitNetRange",
    "GaitNetReward",
    "GaitNetTraining",
    "NoiseFile",
    "gaitnet_remarks",
    "is_gaitnet",
    "is_xml",
    "parse_xml",
    "read_noise",
    "translated_training",
    "usual_value",
    "with_nested_keys",
    "without_idle_keys",
]
