"""One journey, driven four ways: what `make bench` compares."""
