"""What a network is made of: its operations followed, its layers, reach and fields."""
