"""Modules that are put on a handler's path where the real ones are missing."""
