"""Tests of `tcpwatchd.kernel`."""
