"""Results as files: views, pictures, reports, the script that makes them again."""
