"""open_webui only here: where we attach to the host, and what of it we watch."""
