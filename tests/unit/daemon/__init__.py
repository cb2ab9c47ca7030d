"""Tests of `tcpwatchd.daemon`."""
