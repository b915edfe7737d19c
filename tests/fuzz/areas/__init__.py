"""The areas: what may reach batchenv from outside, each with inputs of its own.

An area is a module with three functions, called in a worker whose working directory is the folder at hand:

- `prepare(materials)` writes valid files into a folder, and makes sure that they work;
- `make(rng, materials, folder)` writes an odd input into a folder, and returns what is to be known of it as a
  mapping that JSON can hold; of its "names", a refusal has to contain one;
- `attempt(spec, materials)` tries the input in the working directory: see `outcomes.judged`.
"""

SHARES = {
    "api": 30,
    "clips": 8,
    "commands": 4,
    "configs": 30,
    "gaitnet": 16,
    "motions": 10,
    "recordings": 10,
    "runs": 14,
}
"""Every area, and its part of the inputs."""
