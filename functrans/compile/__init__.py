"""What carries staged programs out: a graph in, a function of NumPy arrays out."""

from functrans.compile.numpy_program import Program as Program, program as program
