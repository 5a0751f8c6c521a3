"""One value per grain and stage."""
