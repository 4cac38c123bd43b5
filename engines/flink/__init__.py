"""Flink on this machine, really run: its jars, its processes, and the worker that they start."""
