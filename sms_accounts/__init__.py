"""SMS accounts: credits, API users, messages, reports, callbacks and alerts."""
