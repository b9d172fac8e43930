"""Linear algebra: factorisations of matrices, and solutions from them."""
