"""A feed over HTTP: bounded in time, size, hops and address, whatever the server does."""
