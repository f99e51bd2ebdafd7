"""tinygen beside its peers: the same step, timed turn by turn. See README.md."""
