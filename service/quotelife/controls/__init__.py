"""The desk's controls: stops of all quoting, an instrument or a client, and market states set by hand."""
