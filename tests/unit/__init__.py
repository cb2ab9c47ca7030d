"""Tests of each package: no root, no server."""
