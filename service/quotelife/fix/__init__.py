"""FIX without I/O: tags, framing, fields, encoding, sessions, versions."""
