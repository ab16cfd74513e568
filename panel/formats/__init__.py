"""Forms of moments that Django's own lack: short, by figures, and in the alphabet of an SMS."""
