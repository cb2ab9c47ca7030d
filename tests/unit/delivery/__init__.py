"""Tests of `tcpwatchd.delivery`."""
