"""What machines call: outside words to ours, and back."""
