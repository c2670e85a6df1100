from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws
from localcloud.aws.routes import recognise

SIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{}/aws4_request"

REQUESTS = [
    ("s3", "PUT", "/b", "", {}, "CreateBucket"),
    ("s3", "GET", "/", "", {}, "ListBuckets"),
    ("s3", "GET", "/b", "list-type=2&prefix=x", {}, "ListObjectsV2"),
    ("s3", "PUT", "/b/k/deep", "", {}, "PutObject"),
    ("s3", "PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
    ("s3", "PUT", "/b/k", "", {"HTTP_X_AMZ_COPY_SOURCE": "/b/x"}, "CopyObject"),
    ("s3", "POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
    ("s3", "GET", "/b/k", "versionId=1", {}, "GetObject"),
    ("s3", "HEAD", "/b/k", "", {}, "HeadObject"),
    ("s3", "PUT", "/b", "versioning", {}, "PutBucketVersioning"),
    ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", {}, "Invoke"),
    ("eks", "GET", "/clusters/c", "", {}, "DescribeCluster"),
    ("eks", "GET", "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr", "", {}, "DescribeAccessEntry"),
    ("scheduler", "POST", "/schedules/s", "", {}, "CreateSchedule"),
    ("states", "POST", "/", "", {"HTTP_X_AMZ_TARGET": "AWSStepFunctions.StartExecution"}, "StartExecution"),
    ("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "", {}, "PutMetricData"),
]


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "operation"), REQUESTS, ids=[r[-1] for r in REQUESTS]
)
def test_requests_are_recognised(
    service: str, method: str, path: str, query: str, headers: dict[str, str], operation: str
) -> None:
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(path),
        "REQUEST_URI": f"{path}?{query}",
        "QUERY_STRING": query,
        "HTTP_AUTHORIZATION": SIGNED.format(service),
        **headers,
    }
    assert recognise(environ, b"").operation == operation


FAULTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("s3", "ListBuckets", "SlowDown", {}),
    ("dynamodb", "ListTables", "ThrottlingException", {}),
    ("sns", "ListTopics", "InternalError", {}),
    ("sqs", "ListQueues", "RequestThrottled", {}),
    ("lambda", "ListFunctions", "TooManyRequestsException", {}),
    ("sts", "GetCallerIdentity", "ExpiredToken", {}),
    ("eks", "ListClusters", "ServerException", {}),
    ("cloudwatch", "ListMetrics", "InternalServiceFault", {}),
    ("kms", "ListKeys", "KMSInternalException", {}),
]


@pytest.mark.parametrize(("service", "operation", "code", "parameters"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_fault_spoils_exactly_the_next_calls(
    aws: LocalAws, service: str, operation: str, code: str, parameters: dict[str, Any]
) -> None:
    client = aws.client(service)
    method = getattr(client, {v: k for k, v in client.meta.method_to_api_mapping.items()}[operation])
    aws.fault(service, operation, code, times=2, status=503)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            method(**parameters)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert method(**parameters)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_faults_raise_typed_exceptions(aws: LocalAws) -> None:
    dynamodb = aws.client("dynamodb")
    aws.fault("dynamodb", "PutItem", "ConditionalCheckFailedException")
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="none", Item={"id": {"S": "x"}})


def test_only_one_conditional_write_wins(aws: LocalAws) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="race",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def put(key: int) -> bool:
        try:
            dynamodb.put_item(
                TableName="race", Item={"id": {"S": str(key)}}, ConditionExpression="attribute_not_exists(id)"
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = [sum(pool.map(put, [key] * 8)) for key in range(10)]
    assert wins == [1] * 10


def test_only_one_conditional_upload_wins(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="race")

    def put(key: int) -> bool:
        try:
            s3.put_object(Bucket="race", Key=str(key), Body=b"x", IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"  # noqa: PT017 - the others lose in this way only
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = [sum(pool.map(put, [key] * 8)) for key in range(10)]
    assert wins == [1] * 10


def test_large_uploads_pass(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="large")
    content = bytes(9 * 1024 * 1024)
    s3.put_object(Bucket="large", Key="k", Body=content)
    assert s3.get_object(Bucket="large", Key="k")["Body"].read() == content
