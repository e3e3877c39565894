"""A demo: people made up from a seed play their part through the real doors, on a warped clock."""
