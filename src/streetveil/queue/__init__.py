"""How a job id gets from the API to a worker."""
