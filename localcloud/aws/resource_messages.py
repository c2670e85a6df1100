"""Resource types that carry messages: queues, topics, subscriptions, rules."""

from typing import Any

from localcloud.aws.parameters import as_text, fit
from localcloud.aws.resource_type import Client, Created, ResourceType, words

_QUEUE_ATTRIBUTES = words(
    "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit KmsDataKeyReusePeriodSeconds KmsMasterKeyId "
    "MaximumMessageSize MessageRetentionPeriod ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled "
    "VisibilityTimeout"
)
_TOPIC_ATTRIBUTES = words(
    "ContentBasedDeduplication DisplayName FifoTopic KmsMasterKeyId SignatureVersion TracingConfig"
)
_SUBSCRIPTION_ATTRIBUTES = words("DeliveryPolicy FilterPolicy FilterPolicyScope RawMessageDelivery RedrivePolicy")


def _texts(properties: dict[str, Any], names: frozenset[str]) -> dict[str, str]:
    return {name: as_text(value) for name, value in properties.items() if name in names}


def _queue(client: Client, name: str, properties: dict[str, Any]) -> Created:
    sqs = client("sqs")
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    url = sqs.create_queue(QueueName=name[:80], Attributes=_texts(properties, _QUEUE_ATTRIBUTES), tags=tags)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Created(url, {"Arn": arn, "QueueName": name[:80], "QueueUrl": url})


def _queue_policy(client: Client, name: str, properties: dict[str, Any]) -> Created:
    for url in properties["Queues"]:
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": as_text(properties["PolicyDocument"])})
    return Created(name)


def _topic(client: Client, name: str, properties: dict[str, Any]) -> Created:
    sns = client("sns")
    tags = properties.get("Tags", [])
    arn = sns.create_topic(Name=name, Attributes=_texts(properties, _TOPIC_ATTRIBUTES), Tags=tags)["TopicArn"]
    for subscription in properties.get("Subscription", []):
        sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
    return Created(arn, {"TopicArn": arn, "TopicName": name})


def _topic_policy(client: Client, name: str, properties: dict[str, Any]) -> Created:
    for arn in properties["Topics"]:
        document = as_text(properties["PolicyDocument"])
        client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return Created(name)


def _subscription(client: Client, name: str, properties: dict[str, Any]) -> Created:
    made = client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes=_texts(properties, _SUBSCRIPTION_ATTRIBUTES),
        ReturnSubscriptionArn=True,
    )
    return Created(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})


def _rule(client: Client, name: str, properties: dict[str, Any]) -> Created:
    events = client("events")
    given = {key: value for key, value in properties.items() if key not in ("Targets", "Name")}
    arn = events.put_rule(**fit("events", "PutRule", {**given, "Name": name}))["RuleArn"]
    bus = {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}
    targets = properties.get("Targets", [])
    if targets:
        events.put_targets(**fit("events", "PutTargets", {"Rule": name, "Targets": targets, **bus}))
    return Created(name, {"Arn": arn})


MESSAGES = (
    ResourceType("AWS::SQS::Queue", _queue, _QUEUE_ATTRIBUTES | words("QueueName Tags"), "QueueName"),
    ResourceType("AWS::SQS::QueuePolicy", _queue_policy, words("PolicyDocument Queues")),
    ResourceType("AWS::SNS::Topic", _topic, _TOPIC_ATTRIBUTES | words("Subscription Tags TopicName"), "TopicName"),
    ResourceType("AWS::SNS::TopicPolicy", _topic_policy, words("PolicyDocument Topics")),
    ResourceType(
        "AWS::SNS::Subscription", _subscription, _SUBSCRIPTION_ATTRIBUTES | words("Endpoint Protocol TopicArn")
    ),
    ResourceType(
        "AWS::Events::Rule",
        _rule,
        words("Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets"),
        "Name",
    ),
)
