"""What is computed where and in what order, before any code is written."""
