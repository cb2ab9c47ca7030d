"""Tests of `tcpwatchd.model`."""
