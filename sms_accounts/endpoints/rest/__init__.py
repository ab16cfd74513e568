"""The JSON API: a module per group of resources."""
