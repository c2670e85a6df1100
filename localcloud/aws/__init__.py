"""The AWS half of the embedded cloud: moto behind one HTTP endpoint, with the life moto lacks added around it."""

from localcloud.aws.deploy import deploy
from localcloud.aws.server import LocalAws

__all__ = ["LocalAws", "deploy"]
