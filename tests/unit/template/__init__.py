"""Tests of `tcpwatchd.template`."""
