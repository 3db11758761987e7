"""Images that lessons begin with, registered by the name of their function."""
