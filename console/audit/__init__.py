"""What was done, tried and refused, by whom. Rows are written by the operations runner and never changed."""
