"""Ways to tell somebody outside: webhooks and e-mail."""
