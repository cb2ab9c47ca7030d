"""Tests of `tcpwatchd.spool`."""
