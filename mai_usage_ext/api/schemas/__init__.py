"""What goes over the wire. Money is a decimal string of USD, instants are RFC 3339 in UTC.

Field names are the ones mAI's front ends know; ours come on top. Requests may say money and rates
as JSON numbers too, which are read as decimals. No answer has a field for a key.
"""
