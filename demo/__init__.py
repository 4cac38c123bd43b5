"""A real Chinese picture site, served on loopback, that `make demo` crawls from its first page to a release."""
