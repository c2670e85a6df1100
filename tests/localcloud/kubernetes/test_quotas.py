"""Quotas of a kind that the local cluster does not count."""

import pytest
from kubernetes.client.exceptions import ApiException

from tests.localcloud.kubernetes.conftest import Team


@pytest.mark.parametrize("key", ["scopes", "scopeSelector"])
def test_a_quota_of_affinities_across_namespaces_is_refused_by_name(team: Team, key: str) -> None:
    scope = "CrossNamespacePodAffinity"
    values = {"scopes": [scope], "scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": "Exists"}]}}
    body = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}, key: values[key]}}
    with pytest.raises(ApiException) as refused:
        team.core.create_namespaced_resource_quota(team.namespace, body)
    assert refused.value.status == 422
    assert "the local cluster does not support the scope CrossNamespacePodAffinity" in refused.value.body
