"""What one sample costs here and elsewhere: tcpwatchd beside its peers on the same sockets, in one run.

`python -m bench`, as root, or `make bench`. Nothing of tcpwatchd imports this package.
"""
