"""Sets a Zabbix server up over its API: template, autoregistration, links, items that are converted.

Imports: model to template. Needs the extra tcpwatchd[setup], which no monitored host does.
"""
