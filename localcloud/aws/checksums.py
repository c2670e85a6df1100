"""S3 computes a CRC-64/NVME of every object that comes in one part without a checksum; moto computes none, and lacks this one.

Source: Amazon S3 User Guide, "Checking object integrity". Objects of several parts have none here.
"""

import base64
from typing import Any

import anycrc

from localcloud.aws.seams import Replacements

_CRC = anycrc.Model("CRC64-NVME")


def install(replacements: Replacements) -> None:
    """Let moto keep one of what comes without."""
    theirs = replacements.original("moto.s3.responses:S3Response._get_checksum")

    def get_checksum(self: Any, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        algorithm, value = theirs(self, response_headers)
        if algorithm:
            return algorithm, value
        value = crc64nvme(self.body or b"")
        response_headers["x-amz-checksum-crc64nvme"] = value
        return "CRC64NVME", value

    replacements.replace("moto.s3.responses:S3Response._get_checksum", get_checksum)


def crc64nvme(body: bytes | str) -> str:
    """Return the checksum of an object as S3 gives it: base64 of eight bytes, the most significant first."""
    found: int = _CRC.calc(body if isinstance(body, bytes) else body.encode())
    return base64.b64encode(found.to_bytes(8, "big")).decode()
