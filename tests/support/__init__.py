"""What several test folders share: real servers, and processes of our own."""
