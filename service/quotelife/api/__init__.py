"""The expiry API: the lifetime of a price that the desk has made elsewhere. See README.md in this folder."""
