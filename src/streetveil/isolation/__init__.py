"""Photos are looked at in child processes, so that one that harms its decoder harms nothing else."""
