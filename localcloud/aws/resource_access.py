"""Resource types that decide who may: roles, policies, keys, security groups. Those of functions are evaluated (permissions.py), no others."""

from typing import Any

from localcloud.aws.parameters import as_text, fit
from localcloud.aws.resource_type import Client, Created, ResourceType, words

_AWS_POLICIES = ":iam::aws:policy/"


def _role(client: Client, name: str, properties: dict[str, Any]) -> Created:
    iam = client("iam")
    apart = ("Policies", "ManagedPolicyArns", "RoleName")
    given = {key: value for key, value in properties.items() if key not in apart}
    made = iam.create_role(**fit("iam", "CreateRole", {**given, "RoleName": name[:64]}))["Role"]
    for policy in properties.get("Policies", []):
        document = _document(policy)
        iam.put_role_policy(RoleName=made["RoleName"], PolicyName=policy["PolicyName"], PolicyDocument=document)
    for arn in properties.get("ManagedPolicyArns", []):
        # AWS's own policies are not loaded: that costs a second at every start, and nothing of ours leans on them
        if _AWS_POLICIES not in arn:
            iam.attach_role_policy(RoleName=made["RoleName"], PolicyArn=arn)
    return Created(made["RoleName"], {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def _document(policy: dict[str, Any]) -> str:
    """moto demands the Version that IAM, and SAM's examples, treat as optional."""
    return as_text({"Version": "2012-10-17", **policy["PolicyDocument"]})


def _managed_policy(client: Client, name: str, properties: dict[str, Any]) -> Created:
    iam = client("iam")
    apart = ("Roles", "ManagedPolicyName")
    given = {key: value for key, value in properties.items() if key not in apart}
    named = {**given, "PolicyName": name[:128], "PolicyDocument": _document(properties)}
    made = iam.create_policy(**fit("iam", "CreatePolicy", named))["Policy"]
    for role in properties.get("Roles", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=made["Arn"])
    return Created(made["Arn"], {"PolicyArn": made["Arn"]})


def _role_policy(client: Client, name: str, properties: dict[str, Any]) -> Created:
    document = _document(properties)
    for role in properties.get("Roles", []):
        client("iam").put_role_policy(RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=document)
    return Created(name)


def _key(client: Client, name: str, properties: dict[str, Any]) -> Created:
    kms = client("kms")
    renamed = {"KeyPolicy": "Policy"}
    given = {
        renamed.get(key, key): value for key, value in properties.items() if key not in ("EnableKeyRotation", "Tags")
    }
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
    ignored = ("Enabled", "PendingWindowInDays")
    wanted = {key: value for key, value in given.items() if key not in ignored}
    made = kms.create_key(**fit("kms", "CreateKey", {**wanted, "Tags": tags}))["KeyMetadata"]
    if as_text(properties.get("EnableKeyRotation", False)) == "true":
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return Created(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def _key_alias(client: Client, name: str, properties: dict[str, Any]) -> Created:
    client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])
    return Created(properties["AliasName"])


def _security_group(client: Client, name: str, properties: dict[str, Any]) -> Created:
    ec2 = client("ec2")
    given = {"GroupName": properties.get("GroupName", name), "Description": properties["GroupDescription"]}
    vpc = {"VpcId": properties["VpcId"]} if "VpcId" in properties else {}
    group = ec2.create_security_group(**given, **vpc)["GroupId"]
    for rule in properties.get("SecurityGroupIngress", []):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_ip_permission(rule, "Source")])
    for rule in properties.get("SecurityGroupEgress", []):
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[_ip_permission(rule, "Destination")])
    return Created(group, {"GroupId": group, "VpcId": properties.get("VpcId", "")})


def _ip_permission(rule: dict[str, Any], side: str) -> dict[str, Any]:
    ports: dict[str, Any] = {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    made: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"]), **ports}
    if "CidrIp" in rule:
        made["IpRanges"] = [{"CidrIp": rule["CidrIp"]}]
    if f"{side}SecurityGroupId" in rule:
        made["UserIdGroupPairs"] = [{"GroupId": rule[f"{side}SecurityGroupId"]}]
    return made


def _security_group_rule(direction: str, side: str) -> Any:
    def create(client: Client, name: str, properties: dict[str, Any]) -> Created:
        authorize = getattr(client("ec2"), f"authorize_security_group_{direction}")
        authorize(GroupId=properties["GroupId"], IpPermissions=[_ip_permission(properties, side)])
        return Created(name)

    return create


ACCESS = (
    ResourceType(
        "AWS::IAM::Role",
        _role,
        words(
            "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary Policies RoleName Tags"
        ),
        "RoleName",
    ),
    ResourceType(
        "AWS::IAM::ManagedPolicy",
        _managed_policy,
        words("Description ManagedPolicyName Path PolicyDocument Roles"),
        "ManagedPolicyName",
    ),
    ResourceType("AWS::IAM::Policy", _role_policy, words("PolicyDocument PolicyName Roles")),
    ResourceType(
        "AWS::KMS::Key",
        _key,
        words("Description EnableKeyRotation KeyPolicy KeySpec KeyUsage MultiRegion Tags"),
        ignored=words("Enabled PendingWindowInDays"),
    ),
    ResourceType("AWS::KMS::Alias", _key_alias, words("AliasName TargetKeyId")),
    ResourceType(
        "AWS::EC2::SecurityGroup",
        _security_group,
        words("GroupDescription GroupName SecurityGroupEgress SecurityGroupIngress VpcId"),
        ignored=words("Tags"),
    ),
    ResourceType(
        "AWS::EC2::SecurityGroupIngress",
        _security_group_rule("ingress", "Source"),
        words("CidrIp FromPort GroupId IpProtocol SourceSecurityGroupId ToPort"),
        ignored=words("Description"),
    ),
    ResourceType(
        "AWS::EC2::SecurityGroupEgress",
        _security_group_rule("egress", "Destination"),
        words("CidrIp DestinationSecurityGroupId FromPort GroupId IpProtocol ToPort"),
        ignored=words("Description"),
    ),
)
