"""What a socket is, by experiments against your own kernel. Importing this opens nothing and starts nothing."""
