"""Values that travel between the packages, and arithmetic on them.

Imports nothing of tcpwatchd. Does no I/O.
"""
