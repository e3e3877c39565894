"""What the benches of the engine stand on: a workspace, a database, leads, journeys that wait."""
