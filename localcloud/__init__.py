"""The embedded cloud: the AWS and Kubernetes the demo and the tests run on, without an account and without containers."""
