"""The use cases. They know rules and ports; databases, hosts and HTTP are behind the ports."""
