"""Projects in languages whose tools must be on the host: one recipe each."""
