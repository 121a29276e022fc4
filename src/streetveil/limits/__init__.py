"""How much one client may ask for: requests in a while, photos and bytes in a day."""
