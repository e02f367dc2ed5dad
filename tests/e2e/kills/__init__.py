"""deployd is killed at random moments of what it does, and its apps are restarted while they print."""
