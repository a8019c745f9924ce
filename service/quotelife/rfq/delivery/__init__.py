"""What a client has received and accepted of what was sent to it."""
