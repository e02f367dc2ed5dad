"""The health probe over HTTP."""
