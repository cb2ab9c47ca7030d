"""Tests of `tcpwatchd.diagnosis`."""
