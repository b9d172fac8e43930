"""The writing, compiling and running of native code: text, LLVM, threads, libraries."""
