"""Benchmarks: ratios of CPU time taken in one run, because machines are noisy. docs/performance.md says what they mean."""
