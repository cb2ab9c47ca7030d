"""The catalogue: item keys, units, texts, triggers, graphs, and the keys of other scripts.

Imports: model, kernel, diagnosis. Does no I/O.
"""
