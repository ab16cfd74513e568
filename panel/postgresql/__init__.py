"""Django's PostgreSQL backend, with a quicker way to read moments."""
