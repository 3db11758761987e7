"""How networks are computed: precision, memory, copies on devices, graphs, fused passes."""
