"""The catalogue as a Zabbix template, documentation and explanations.

Imports: model to config.
"""
