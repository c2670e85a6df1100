"""Dropforge's own code, shared by every function as one layer: values and decisions in domain/, the outside world in adapters/."""

VERSION = "0.1.0"
