"""Told a directory on standard input, forks a child that saves checkpoints there until it is killed."""

import os
import sys
from pathlib import Path

import torch

from tests.learn.examples import checkpoint_of

if __name__ == "__main__":
    torch.set_num_threads(1)
    print("ready", flush=True)
    for line in sys.stdin:
        run_dir = Path(line.strip())
        child = os.fork()
        if child == 0:
            steps = 0
            while True:
                checkpoint_of(steps).save(run_dir)
                steps += 1
        print(child, flush=True)
        os.waitpid(child, 0)
        print("killed", flush=True)
