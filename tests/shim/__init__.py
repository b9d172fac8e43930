"""Tests of functrans.torch."""
