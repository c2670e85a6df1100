"""Checkpoints of every shape we know: what one is, whether it is whole, and which file is wrong if it is not.

One module per shape, each with a function `check` and a `SHAPE` that `opening` lists. They see a `Folder` and nothing else, so a disk and S3 are
judged by the same code. Weights are never read, only headers, indexes and descriptions; nothing is unpickled. A change of bytes inside a tensor is
not seen: that takes a hash.
"""
