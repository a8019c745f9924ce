"""Who listens: the quoting process, its logon gateway, the QuickFIX acceptor, the TLS process."""
