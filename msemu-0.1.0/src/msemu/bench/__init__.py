"""Benchmarks: ``msemu-bench``, one file each."""
