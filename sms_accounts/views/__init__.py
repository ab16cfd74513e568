"""What people open: a function per page, a file per tab."""
