"""Tests of `tcpwatchd.zabbix`."""
