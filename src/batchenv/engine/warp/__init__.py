"""The same worlds on a Warp device, stepped by MuJoCo Warp; this package needs the extra gpu."""

import warp as wp

# Warp prints what it compiles and loads, unless told otherwise before it begins.
wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
