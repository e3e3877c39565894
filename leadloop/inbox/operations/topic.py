"""The topic of the news that the loop of operations has something to do."""

OPERATIONS = "operations"
