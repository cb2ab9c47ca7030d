"""Tests of tcpwatchd, and the stands they need."""
