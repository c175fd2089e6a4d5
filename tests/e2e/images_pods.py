#!/usr/bin/env python3
"""What a cluster makes of a StatefulSet of one, for `podman play kube`, which knows pods and claims alone.

usage: images_pods.py HOSTS OUT <OBJECTS

OBJECTS is what kustomize printed for one node, HOSTS has a line `address name` for each name that its pod must
find. OUT becomes a folder with pod.yaml (the one pod, as its controller would name it), first.yaml (its init containers),
claims.yaml, secret.yaml and secret.name. What podman 4.3 cannot do is done otherwise, also by images_checks.sh:
  probes           want systemd's timers; the same paths of the same ports are asked
  ports            would all be published at the host's same port; four pods have one
  Services         have no address; their names are in the pod's own list of hosts
  initContainers   podman waits 20 s for each and then at times fails to remove it; they are a pod that goes before
  optional         of a secret's volume must be said, or podman falls over an empty pointer
  data             of a secret is laid out as it is, in base64; so it is decoded here
"""
import base64
import os
import sys

import yaml

PROBES = ("livenessProbe", "startupProbe", "readinessProbe")


def pod_of(name, template, containers, hosts):
    """A pod of these containers, with the volumes that they mount."""
    spec = {key: value for key, value in template["spec"].items() if key != "initContainers"}
    mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
    spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] in mounted]
    spec["containers"] = containers
    spec["hostAliases"] = [{"ip": address, "hostnames": [host]} for address, host in hosts]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec}


def claims_of(name, stateful_set):
    """What the controller makes of the claims' templates; their names become volumes of the pod."""
    claims = []
    for claim in stateful_set["spec"]["volumeClaimTemplates"]:
        volume = claim["metadata"]["name"]
        claim_name = volume + "-" + name
        stateful_set["spec"]["template"]["spec"]["volumes"].append(
            {"name": volume, "persistentVolumeClaim": {"claimName": claim_name}})
        claims.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                       "metadata": {"name": claim_name}, "spec": claim["spec"]})
    return claims


def made_of(stateful_set, hosts):
    name = stateful_set["metadata"]["name"] + "-0"
    template = stateful_set["spec"]["template"]
    for volume in template["spec"]["volumes"]:
        volume["secret"]["optional"] = False
    for container in template["spec"]["containers"]:
        ports = {port["name"]: port["containerPort"] for port in container.pop("ports")}
        for probe in PROBES:  # all are there, and ask a port that is
            assert ports[container.pop(probe)["httpGet"]["port"]] == 7600
    claims = claims_of(name, stateful_set)
    first = pod_of(name + "-first", template, template["spec"]["initContainers"], hosts)
    first["spec"]["restartPolicy"] = "Never"
    return {"claims": claims, "first": [first],
            "pod": [pod_of(name, template, template["spec"]["containers"], hosts)]}


def main():
    hosts_path, out = sys.argv[1:]
    with open(hosts_path, encoding="ascii") as file:
        hosts = [line.split() for line in file]
    things = {thing["kind"]: thing for thing in yaml.safe_load_all(sys.stdin) if thing["kind"] != "Service"}
    made = made_of(things["StatefulSet"], hosts)
    secret = things["Secret"]
    words = {name: base64.b64decode(data).decode("ascii") for name, data in secret["data"].items()}
    made["secret"] = [{**secret, "data": words}]
    os.mkdir(out)
    for name, documents in made.items():
        with open(f"{out}/{name}.yaml", "w", encoding="ascii") as file:
            yaml.safe_dump_all(documents, file)
    with open(f"{out}/secret.name", "w", encoding="ascii") as file:
        file.write(secret["metadata"]["name"])


main()
