"""fastapi only here: routers, schemas, the error → status table, and the page's own files."""
