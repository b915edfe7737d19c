"""Learning: PPO on a `BatchEnv`, checkpoints, and policies that run without Torch.

Nothing is imported here, so that `import batchenv` stays light: import from `batchenv.learn.training`,
`batchenv.learn.policy` and the other modules.
"""

import os

# By default Torch's OpenMP threads spin while they wait for one another. Where another process wants the
# cores, that stalls every parallel region: updates with two threads took 1 to 7 s instead of 0.4 s. Torch
# reads the variable once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
