"""Small programs that a workload runs in a fresh process; each prints one line of JSON."""
