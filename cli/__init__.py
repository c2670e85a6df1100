"""The `dropforge` command: a thin door to the product; every decision lies in the functions."""
