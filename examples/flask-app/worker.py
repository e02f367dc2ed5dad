"""Stands for background work: says so every ten seconds until it is told to stop."""

import signal
import sys
import time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

while True:
    print("The worker is at work", flush=True)
    time.sleep(10)
