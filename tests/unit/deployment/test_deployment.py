"""What is shipped to run quotelife: image, compose file, Kubernetes manifests, systemd unit, by their own checkers."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from quotelife.config import load
from quotelife.config.shipped import DEMO
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
SHARD = DEPLOY / "kubernetes" / "shard-a.yaml"
UNIT = DEPLOY / "quotelife.service"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- image


def test_hadolint_reports_nothing_for_the_image():
    """Its package brings it into the environment's own folder, which need not be on the path."""
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint is missing: it is in deploy/requirements/test.txt")
    done = run(hadolint, str(ROOT / "Dockerfile"))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_read_by_a_plain_shell(script):
    assert run("sh", "-n", str(script)).stderr == ""


def test_sources_that_the_image_copies_exist():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    sources = [source for words in copied for source in words]
    assert sources and [source for source in sources if not (ROOT / source).exists()] == []


# --- compose


def test_the_compose_file_follows_the_specification():
    compose_spec = pytest.importorskip("compose_spec")
    compose_spec.PyCompose.from_json(json.dumps(COMPOSE)).validate()
    wrong = COMPOSE | {"services": COMPOSE["services"] | {"x": {"image": "a", "prots": []}}}
    with pytest.raises(ValueError, match="prots"):
        compose_spec.PyCompose.from_json(json.dumps(wrong))


def test_containers_are_confined_and_reached_from_this_machine_only():
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert "healthcheck" in service, name


def test_mounted_files_exist_and_volumes_are_declared():
    sources = [mount.split(":")[0] for s in COMPOSE["services"].values() for mount in s.get("volumes", ())]
    sources += [secret["file"] for secret in COMPOSE["secrets"].values()]
    for source in sources:
        assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source


def test_the_stages_that_are_built_exist():
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    targets = {s["build"]["target"] for s in COMPOSE["services"].values() if "build" in s}
    assert targets <= set(stages) and stages[-1] == "service"


def test_compose_configuration_is_the_demo_with_other_addresses_and_a_token():
    ours, demo = (tomllib.loads(path.read_text()) for path in (DEPLOY / "compose.toml", DEMO))
    assert ours["venue"][0].pop("host") in COMPOSE["services"]
    assert {ours[section].pop("token_file") for section in ("admin", "api")} == {"/run/secrets/admin_token"}
    assert all(ip_network(each).is_private for each in ours["acceptor"].pop("allowed_addresses"))
    for section in ("acceptor", "admin", "api"):
        assert (ours[section].pop("host"), demo[section].pop("host")) == ("0.0.0.0", "127.0.0.1")
    assert (ours["paths"].pop("data"), demo["paths"].pop("data")) == ("../var", "demo")
    assert (ours["capture"].pop("enabled"), demo["capture"].pop("enabled")) == (True, False)
    assert ours == demo, "a change of demo.toml is made in compose.toml, too"
    load(DEPLOY / "compose.toml")


# --- Kubernetes


def manifests() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(SHARD.read_text())}


@pytest.mark.parametrize("version", ["1.28", "1.34"])
def test_the_manifests_follow_kubernetes_schemas(version):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    found = manifests()
    assert set(found) == {"Service", "ConfigMap", "StatefulSet", "PodDisruptionBudget"}
    for document in found.values():
        kubernetes_validate.validate(document, version, strict=True)
    broken = found["Service"] | {"spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_a_shard_is_one_pod_that_finds_its_configuration(tmp_path):
    found = manifests()
    stateful, service = found["StatefulSet"]["spec"], found["Service"]["spec"]
    pod = stateful["template"]["spec"]
    [container] = pod["containers"]
    assert stateful["replicas"] == 1 and stateful["serviceName"] == found["Service"]["metadata"]["name"]
    labels = stateful["template"]["metadata"]["labels"]
    selectors = [stateful["selector"]["matchLabels"], service["selector"]]
    assert [*selectors, found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]] == [labels] * 3
    (tmp_path / "quotelife.toml").write_text(found["ConfigMap"]["data"]["quotelife.toml"])
    config = load(tmp_path / "quotelife.toml")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"fix": config.acceptor.port, "http": config.admin.port}
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert config.paths.data in mounts and str(Path(config.paths.run).parent) in mounts
    assert str(Path(config.admin.token_file or "").parent) in mounts
    assert config.venue[0].password_env in {variable["name"] for variable in container["env"]}
    named = {mount["name"] for mount in container["volumeMounts"]}
    volumes = {v["name"] for v in pod["volumes"]} | {c["metadata"]["name"] for c in stateful["volumeClaimTemplates"]}
    assert named == volumes


def test_the_token_is_no_environment_variable_and_the_root_is_read_only():
    [container] = manifests()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not [v for v in container["env"] if "token" in v["name"].lower() or "value" in v]


def test_documented_command_makes_another_shard():
    [command] = re.findall(r"sed '([^']*)' shard-a.yaml", SHARD.read_text())
    made = run("sed", command, str(SHARD)).stdout
    documents = list(yaml.safe_load_all(made))
    assert {d["metadata"]["name"] for d in documents} == {"quotelife-b"}
    assert {d["metadata"]["labels"]["quotelife/shard"] for d in documents} == {"b"}


# --- systemd

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")


@needs_systemd
def test_systemd_accepts_the_unit(tmp_path):
    """With this environment's interpreter where the programs are not installed."""
    text = UNIT.read_text()
    program = "/opt/quotelife/.venv/bin/quotelife"
    assert f"ExecStart={program} serve" in text
    (tmp_path / UNIT.name).write_text(text.replace(program, sys.executable))
    done = run("systemd-analyze", "verify", str(tmp_path / UNIT.name))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_unit_is_confined():
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=25", str(UNIT))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert done.returncode == 0, done.stdout[-2000:]
