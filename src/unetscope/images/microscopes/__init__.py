"""Files of electron microscopes: MRC, DigitalMicrograph (DM3, DM4), TIA (SER) and EMD."""
