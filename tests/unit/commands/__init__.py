"""Tests of `tcpwatchd.commands`."""
