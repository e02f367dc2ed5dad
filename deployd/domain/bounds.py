"""The largest numbers that settings may be: what is computed from them must fit where it goes."""

MOST = 1_000_000_000
MOST_CPUS = 4_096
MOST_PIDS = 4_194_304
"""The kernel's own."""
