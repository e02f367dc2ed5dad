"""HTTP/2 for clients: each stream is a connection of its own to the rest of the proxy, with one request on it."""
