"""What the desk has ordered: a kill switch for all, an instrument or a client, and the markets it holds for a state."""
