"""What goes next to a destination, and when.

Imports: model to spool.
"""
