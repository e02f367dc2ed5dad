"""Ends with code 3 right after its start, every time: to see how deployd tells of it."""

import sys

print("Starting", flush=True)
print("Cannot find what I need, giving up", file=sys.stderr, flush=True)
sys.exit(3)
