"""peewee only here: models, stores, the group-commit writer, and what differs between databases."""
