"""Taking facts from outside: checks, group commit, back-pressure, one row of `event` each."""
