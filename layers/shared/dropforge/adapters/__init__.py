"""The outside world, one module per thing; the only place that imports boto3 or kubernetes."""
