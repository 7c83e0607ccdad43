"""Drives an agent through python-nomad. Every check prints one line: "ok NAME" or "FAIL NAME: why"."""

import os
import sys
import time
from urllib.parse import urlparse

import nomad

SPEC = """
job "snake" {
  group "g" {
    count = 2
    service {
      name     = "snake"
      provider = "nomad"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo from python; exec sleep 900"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
"""

address = urlparse(os.environ["NOMAD_ADDR"])
client = nomad.Nomad(host=address.hostname, port=address.port, timeout=20)


def until(what, holds):
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about")
        time.sleep(0.05)


def live():
    allocs = client.job.get_allocations("snake")
    return [a for a in allocs if a["ClientStatus"] == "running" and a["DesiredStatus"] == "run"]


def register():
    job = client.jobs.parse(SPEC)
    assert client.validate.validate_job({"Job": job}).json()["ValidationErrors"] is None
    answer = client.job.register_job("snake", {"Job": job})
    assert answer["EvalID"] != ""
    until("two running allocations", lambda: len(live()) == 2)


def read():
    assert "snake" in client.jobs
    assert client.job["snake"]["TaskGroups"][0]["Count"] == 2
    assert client.job.get_summary("snake")["Summary"]["g"]["Running"] == 2
    assert client.job.get_versions("snake")["Versions"][0]["Version"] == 0
    assert client.job.get_evaluations("snake")[0]["JobID"] == "snake"
    assert client.job.get_deployment("snake")["JobID"] == "snake"


def allocations():
    alloc = live()[0]
    assert client.allocation[alloc["ID"]]["JobID"] == "snake"
    assert any(a["ID"] == alloc["ID"] for a in client.allocations.get_allocations(prefix=alloc["ID"][:8]))
    until(
        "its log",
        lambda: "from python" in client.client.stream_logs.stream(alloc["ID"], "t", "stdout", plain=True),
    )
    names = [f["Name"] for f in client.client.ls.list_files(alloc["ID"], "/")]
    assert "alloc" in names and "t" in names
    client.client.allocation.restart_allocation(alloc["ID"])
    until(
        "a restart",
        lambda: client.allocation[alloc["ID"]]["TaskStates"]["t"]["Restarts"] == 1,
    )


def nodes():
    node = client.nodes.get_nodes()[0]
    assert client.node[node["ID"]]["Status"] == "ready"
    assert client.client.stats.read_stats(node["ID"])["Memory"]["Total"] > 0
    client.node.eligible_node(node["ID"], ineligible=True)
    assert client.node[node["ID"]]["SchedulingEligibility"] == "ineligible"
    client.node.eligible_node(node["ID"], eligible=True)


def missing():
    try:
        client.job["none"]
    except KeyError:
        return
    raise AssertionError("a job that is not there was read")


def namespaces():
    client.namespace.create_namespace({"Name": "py", "Description": "snakes"})
    assert client.namespace.get_namespace("py")["Description"] == "snakes"
    assert len(client.namespaces.get_namespaces()) == 2
    client.namespace.delete_namespace("py")


def variables():
    client.variable.create_variable("py/key", {"Items": {"a": "1"}})
    assert client.variable.get_variable("py/key")["Items"] == {"a": "1"}
    assert [v["Path"] for v in client.variables.get_variables()] == ["py/key"]
    client.variable.delete_variable("py/key")


def cluster():
    assert client.status.leader.get_leader() != ""
    assert len(client.agent.get_members()["Members"]) == 1
    assert client.regions.get_regions() == ["global"]
    assert client.metrics.get_metrics()["Gauges"]
    assert client.search.search("sna", "jobs")["Matches"]["jobs"] == ["snake"]
    client.system.initiate_garbage_collection()


def stop():
    client.job.deregister_job("snake", purge=True)
    until("the job is gone", lambda: "snake" not in client.jobs)


failed = False
for check in (register, read, allocations, nodes, missing, namespaces, variables, cluster, stop):
    try:
        check()
        print(f"ok {check.__name__}")
    except Exception as error:  # every kind: the line has to name the check
        failed = True
        print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
sys.exit(1 if failed else 0)
