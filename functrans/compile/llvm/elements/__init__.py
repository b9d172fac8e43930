"""What happens to single elements: dtypes, and the instructions of each operation."""
