"""What a trader sees, on the desk page and in the terminal: quotes, market, sessions, refusals."""
