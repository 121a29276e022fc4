"""Finding faces, licence plates and vehicles: models, their weights, and what runs them."""
