"""Graphs in files: one zip archive of JSON and plain arrays, of which nothing is run when it is
read."""
