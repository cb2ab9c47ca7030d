"""One file for each command, and the command line.

Imports: all packages.
"""
