"""Shared by every acceptor: the logon gateway, the logon policy, the monitor of open connections, the dictionaries."""
