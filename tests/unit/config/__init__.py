"""Tests of `tcpwatchd.config`."""
