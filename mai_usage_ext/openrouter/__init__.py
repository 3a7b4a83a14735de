"""OpenRouter's management API: generations and models, over aiohttp."""
