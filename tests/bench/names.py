"""Who is there in the measurements."""

ACCOUNT = "sms-bench-1"
HOT = "hot"
USERS = [f"user{number}" for number in range(1000)]
