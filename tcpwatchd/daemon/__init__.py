"""The two loops, signals, systemd, and the order of an ending.

Imports: model to delivery.
"""
