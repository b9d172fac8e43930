"""Random numbers: the cipher, what is made of its words, and arrays filled with that."""
