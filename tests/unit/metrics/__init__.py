"""Tests of `tcpwatchd.metrics`."""
