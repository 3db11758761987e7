"""Where feature maps come from: the bundled U-Net, classical filters, backbones of others."""
