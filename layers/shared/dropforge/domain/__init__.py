"""Pure values and decisions: no AWS, no Kubernetes, no clock, no environment."""
