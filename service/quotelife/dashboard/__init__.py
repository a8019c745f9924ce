"""What a trader sees, on the page and in the terminal: live quotes, an instrument's market, sessions, refusals."""
