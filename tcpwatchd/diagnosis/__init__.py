"""Finds which process, destination or service holds sockets.

Imports: model, kernel.
"""
