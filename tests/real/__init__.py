"""Tests with real parts: the kernel, Zabbix servers, systemd, every Python."""
