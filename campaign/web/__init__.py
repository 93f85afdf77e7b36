"""Pages for people, opened in a browser."""
