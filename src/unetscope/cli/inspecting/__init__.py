"""What ``unetscope inspect`` does, thin over :mod:`unetscope.inspection`."""
