"""The tables of a spool's file, and how those of an older format become the present ones.

Alone knows the definitions; must not know what is done with them. Source: sqlite.org/autoinc.html (ids only
grow, also when the newest row was deleted).
"""

from __future__ import annotations

FORMAT = 2  # PRAGMA user_version; a file with a higher one was written by a newer tcpwatchd

_FORMAT_1 = """
CREATE TABLE push (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    clock INTEGER NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE destination (name TEXT PRIMARY KEY, acked INTEGER NOT NULL);
"""
_SINCE_FORMAT_2 = """
ALTER TABLE destination ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE destination ADD COLUMN trouble_clock INTEGER NOT NULL DEFAULT 0;
CREATE TABLE latest (clock INTEGER NOT NULL, ns INTEGER NOT NULL, life INTEGER NOT NULL);
CREATE TABLE doubt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    refused INTEGER NOT NULL
);
CREATE TABLE aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    doubt INTEGER NOT NULL DEFAULT 0,
    host TEXT NOT NULL,
    key TEXT NOT NULL,
    clock INTEGER NOT NULL,
    ns INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX aside_key ON aside (destination, doubt, key, id);
"""
# From the format that a file has, 0 for none.
UPGRADES = {0: _FORMAT_1 + _SINCE_FORMAT_2, 1: _SINCE_FORMAT_2}
