"""What the scripts at the top of the repository do, one module for each."""
