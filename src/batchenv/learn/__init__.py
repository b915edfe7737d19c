"""Learning: PPO on a `BatchEnv`, checkpoints, and policies that run without Torch.

Nothing is imported here, so that `import batchenv` stays light: import from `batchenv.learn.training`,
`batchenv.learn.policy` and the other modules.
"""
