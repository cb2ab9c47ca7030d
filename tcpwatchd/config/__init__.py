"""YAML, and configurations of a Zabbix agent, into a frozen `Config`.

Imports: model to zabbix.
"""
