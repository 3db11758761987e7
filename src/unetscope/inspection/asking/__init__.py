"""Questions about a network: what changes if, what matters, how it fares."""
