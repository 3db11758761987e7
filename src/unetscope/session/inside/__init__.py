"""Looking inside: state, requests, jobs and layers of the second panel."""
