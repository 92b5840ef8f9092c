"""Speed and size against peers: ``make bench``, or ``python -m tests.benchmarks [PART ...]`` from the checkout's root."""
