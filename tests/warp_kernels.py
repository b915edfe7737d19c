"""Warp for tests: its kernels compile without optimisation, in a minute of CPU; then they are cached.

Import it before any kernel is used: kernels that are compiled otherwise have another place in the cache.
"""

import warp

warp.config.optimization_level = 0
