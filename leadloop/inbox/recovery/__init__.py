"""Finding what does not move, rebuilding workflows, and recognising a restored database."""
