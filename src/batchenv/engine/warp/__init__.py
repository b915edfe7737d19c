"""The same worlds on a Warp device, stepped by MuJoCo Warp; its modules need the extra gpu."""
