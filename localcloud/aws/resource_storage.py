"""Resource types that hold data: buckets, tables, parameters, secrets, images, log groups."""

import json
import uuid
from typing import Any

from localcloud.aws.parameters import as_text, fit
from localcloud.aws.resource_type import Client, Created, ResourceType, words

_BUCKET_CALLS = {
    "VersioningConfiguration": ("PutBucketVersioning", "VersioningConfiguration"),
    "PublicAccessBlockConfiguration": ("PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
    "OwnershipControls": ("PutBucketOwnershipControls", "OwnershipControls"),
    "CorsConfiguration": ("PutBucketCors", "CORSConfiguration"),
}
_NOTIFICATIONS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


def _bucket(client: Client, name: str, properties: dict[str, Any]) -> Created:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    for given, (operation, member) in _BUCKET_CALLS.items():
        if given in properties:
            _call_s3(s3, operation, {"Bucket": name, member: properties[given]})
    if "BucketEncryption" in properties:
        _call_s3(
            s3, "PutBucketEncryption", {"Bucket": name, "ServerSideEncryptionConfiguration": _encryption(properties)}
        )
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        _call_s3(s3, "PutBucketLifecycleConfiguration", {"Bucket": name, "LifecycleConfiguration": {"Rules": rules}})
    if "NotificationConfiguration" in properties:
        configuration = _notifications(properties["NotificationConfiguration"])
        _call_s3(s3, "PutBucketNotificationConfiguration", {"Bucket": name, "NotificationConfiguration": configuration})
    if "Tags" in properties:
        _call_s3(s3, "PutBucketTagging", {"Bucket": name, "Tagging": {"TagSet": properties["Tags"]}})
    host = f"{name}.s3.amazonaws.com"
    regional = f"{name}.s3.us-east-1.amazonaws.com"
    return Created(name, {"Arn": f"arn:aws:s3:::{name}", "DomainName": host, "RegionalDomainName": regional})


def _call_s3(s3: Any, operation: str, parameters: dict[str, Any]) -> None:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    getattr(s3, method)(**fit("s3", operation, parameters))


def _encryption(properties: dict[str, Any]) -> dict[str, Any]:
    rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [{renamed.get(name, name): value for name, value in rule.items()} for rule in rules]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation flattens what the API nests."""
    named = {"Id": "ID", "Status": "Status", "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload"}
    made = {named[name]: value for name, value in rule.items() if name in named}
    made["Filter"] = {"Prefix": rule.get("Prefix", "")}
    expiration = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    expiring = {expiration[name]: value for name, value in rule.items() if name in expiration}
    if expiring:
        made["Expiration"] = expiring
    if "NoncurrentVersionExpiration" in rule:
        old = rule["NoncurrentVersionExpiration"]
        renamed = {"NewerNoncurrentVersions": "NewerNoncurrentVersions", "NoncurrentDays": "NoncurrentDays"}
        made["NoncurrentVersionExpiration"] = {renamed[name]: value for name, value in old.items()}
    if "Transitions" in rule:
        made["Transitions"] = [_transition(transition) for transition in rule["Transitions"]]
    _refuse_others(rule, words("Prefix Transitions NoncurrentVersionExpiration") | set(named) | set(expiration))
    return made


def _transition(transition: dict[str, Any]) -> dict[str, Any]:
    return {{"TransitionInDays": "Days"}.get(name, name): value for name, value in transition.items()}


def _refuse_others(given: dict[str, Any], known: set[str] | frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"the local cloud does not honour {', '.join(unknown)} in a lifecycle rule")


def _notifications(given: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if "EventBridgeConfiguration" in given:
        made["EventBridgeConfiguration"] = {}
    for source, (target, mine, theirs) in _NOTIFICATIONS.items():
        if source in given:
            made[target] = [_notification(entry, mine, theirs) for entry in given[source]]
    return made


def _notification(entry: dict[str, Any], mine: str, theirs: str) -> dict[str, Any]:
    filters = {"Filter": {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}} if "Filter" in entry else {}
    return {theirs: entry[mine], "Events": [entry["Event"]], **filters}


def _bucket_policy(client: Client, name: str, properties: dict[str, Any]) -> Created:
    client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=as_text(properties["PolicyDocument"]))
    return Created(name)


def _table(client: Client, name: str, properties: dict[str, Any]) -> Created:
    dynamodb = client("dynamodb")
    apart = ("PointInTimeRecoverySpecification", "TimeToLiveSpecification", "TableName")
    given = {key: value for key, value in properties.items() if key not in apart}
    if "SSESpecification" in given:
        renamed = {"SSEEnabled": "Enabled"}
        given["SSESpecification"] = {renamed.get(key, key): value for key, value in given["SSESpecification"].items()}
    made = dynamodb.create_table(**fit("dynamodb", "CreateTable", {**given, "TableName": name}))["TableDescription"]
    if "TimeToLiveSpecification" in properties:
        ttl = {"TableName": name, "TimeToLiveSpecification": properties["TimeToLiveSpecification"]}
        dynamodb.update_time_to_live(**fit("dynamodb", "UpdateTimeToLive", ttl))
    if "PointInTimeRecoverySpecification" in properties:
        recovery = {
            "TableName": name,
            "PointInTimeRecoverySpecification": properties["PointInTimeRecoverySpecification"],
        }
        dynamodb.update_continuous_backups(**fit("dynamodb", "UpdateContinuousBackups", recovery))
    return Created(name, {"Arn": made["TableArn"], "StreamArn": made.get("LatestStreamArn")})


def _parameter(client: Client, name: str, properties: dict[str, Any]) -> Created:
    client("ssm").put_parameter(**fit("ssm", "PutParameter", {**properties, "Name": name}))
    return Created(name, {"Type": properties.get("Type", "String"), "Value": properties["Value"]})


def _secret(client: Client, name: str, properties: dict[str, Any]) -> Created:
    generator = properties.get("GenerateSecretString")
    given = {key: value for key, value in properties.items() if key != "GenerateSecretString"}
    if generator is not None:
        given["SecretString"] = _generated(generator)
    made = client("secretsmanager").create_secret(**fit("secretsmanager", "CreateSecret", {**given, "Name": name}))
    return Created(made["ARN"], {"Id": made["ARN"]})


def _generated(generator: dict[str, Any]) -> str:
    password = uuid.uuid4().hex
    if "GenerateStringKey" not in generator:
        return password
    return json.dumps({**json.loads(generator["SecretStringTemplate"]), generator["GenerateStringKey"]: password})


def _repository(client: Client, name: str, properties: dict[str, Any]) -> Created:
    ecr = client("ecr")
    apart = ("LifecyclePolicy", "RepositoryPolicyText", "RepositoryName")
    given = {key: value for key, value in properties.items() if key not in apart}
    made = ecr.create_repository(**fit("ecr", "CreateRepository", {**given, "RepositoryName": name}))["repository"]
    if "LifecyclePolicy" in properties:
        ecr.put_lifecycle_policy(
            repositoryName=name, lifecyclePolicyText=properties["LifecyclePolicy"]["LifecyclePolicyText"]
        )
    if "RepositoryPolicyText" in properties:
        ecr.set_repository_policy(repositoryName=name, policyText=as_text(properties["RepositoryPolicyText"]))
    return Created(name, {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})


def _log_group(client: Client, name: str, properties: dict[str, Any]) -> Created:
    logs = client("logs")
    given = {key: value for key, value in properties.items() if key not in ("RetentionInDays", "LogGroupName")}
    logs.create_log_group(**fit("logs", "CreateLogGroup", {**given, "LogGroupName": name}))
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))
    return Created(name, {"Arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"})


STORAGE = (
    ResourceType(
        "AWS::S3::Bucket",
        _bucket,
        words(
            "BucketName BucketEncryption CorsConfiguration LifecycleConfiguration NotificationConfiguration OwnershipControls "
            "PublicAccessBlockConfiguration Tags VersioningConfiguration"
        ),
        "BucketName",
        ignored=words("LoggingConfiguration"),
    ),
    ResourceType("AWS::S3::BucketPolicy", _bucket_policy, words("Bucket PolicyDocument")),
    ResourceType(
        "AWS::DynamoDB::Table",
        _table,
        words(
            "AttributeDefinitions BillingMode DeletionProtectionEnabled GlobalSecondaryIndexes KeySchema LocalSecondaryIndexes "
            "OnDemandThroughput PointInTimeRecoverySpecification ProvisionedThroughput SSESpecification StreamSpecification TableClass "
            "TableName Tags TimeToLiveSpecification"
        ),
        "TableName",
    ),
    ResourceType(
        "AWS::SSM::Parameter",
        _parameter,
        words("AllowedPattern DataType Description Name Tags Tier Type Value"),
        "Name",
    ),
    ResourceType(
        "AWS::SecretsManager::Secret",
        _secret,
        words("Description GenerateSecretString KmsKeyId Name SecretString Tags"),
        "Name",
    ),
    ResourceType(
        "AWS::ECR::Repository",
        _repository,
        words(
            "EncryptionConfiguration ImageScanningConfiguration ImageTagMutability LifecyclePolicy RepositoryName RepositoryPolicyText Tags"
        ),
        "RepositoryName",
        ignored=words("EmptyOnDelete"),
    ),
    ResourceType(
        "AWS::Logs::LogGroup",
        _log_group,
        words("KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags"),
        "LogGroupName",
    ),
)
