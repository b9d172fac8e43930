"""Native code: graphs as functions that LLVM compiles, where llvmlite is installed."""
