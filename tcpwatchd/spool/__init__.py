"""The backlog on disk, and in memory while the disk does not answer.

Imports: model to metrics.
"""
