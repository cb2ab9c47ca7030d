"""tcpwatchd: TCP socket states of this host, sampled from the kernel and pushed to Zabbix.

Knows only its own version; `setup.cfg` reads it from here. Importing the package imports nothing else.
"""

__version__ = "0.1.0"
