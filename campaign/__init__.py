"""Social marketing on X."""
