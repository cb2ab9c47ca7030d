"""Tests of `tcpwatchd.setup`."""
