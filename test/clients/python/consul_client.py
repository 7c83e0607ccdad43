"""Drives an agent through py-consul. Every check prints one line: "ok NAME" or "FAIL NAME: why"."""

import os
import sys
import threading
import time
from urllib.parse import urlparse

import consul
from consul import Check

address = urlparse(os.environ["CONSUL_HTTP_ADDR"])
client = consul.Consul(host=address.hostname, port=address.port)


def until(what, holds):
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about")
        time.sleep(0.05)


def kv():
    assert client.kv.put("py/ä b", "wört", flags=7)
    index, pair = client.kv.get("py/ä b")
    assert pair["Value"].decode() == "wört" and pair["Flags"] == 7 and int(index) == pair["ModifyIndex"]
    assert client.kv.put("py/ä b", "x", cas=0) is False
    assert client.kv.put("py/ä b", "", cas=pair["ModifyIndex"]) is True
    assert client.kv.get("py/ä b")[1]["Value"] is None
    client.kv.put("py/c/d", "1")
    assert client.kv.get("py/", keys=True, separator="/")[1] == ["py/c/", "py/ä b"]
    assert len(client.kv.get("py/", recurse=True)[1]) == 2
    assert client.kv.delete("py/", recurse=True) is True
    assert client.kv.get("py/", recurse=True)[1] is None


def blocking():
    index, _ = client.kv.get("py/wait")
    threading.Timer(0.05, lambda: consul.Consul(address.hostname, address.port).kv.put("py/wait", "1")).start()
    later, pair = client.kv.get("py/wait", index=index, wait="30s")
    assert pair["Value"] == b"1" and int(later) > int(index)
    again, _ = client.kv.get("py/wait", index=later, wait="20ms")
    assert again == later


def transaction():
    change = {"Verb": "set", "Key": "py/txn", "Value": "aGk="}
    done = client.txn.put([{"KV": change}, {"KV": {"Verb": "get", "Key": "py/txn"}}])
    assert done["Results"][1]["KV"]["Value"] == "aGk=" and done["Errors"] is None, done


def sessions():
    session = client.session.create("py", behavior="delete", ttl=10, lock_delay=1)
    assert client.kv.put("py/lock", "me", acquire=session) is True
    other = client.session.create("other")
    assert client.kv.put("py/lock", "you", acquire=other) is False
    assert client.session.renew(session)["Name"] == "py"
    assert client.session.info(session)[1]["TTL"] == "10s"
    assert len(client.session.list()[1]) == 2
    assert len(client.session.node(client.agent.self()["Config"]["NodeName"])[1]) == 2
    assert client.session.destroy(session) and client.session.destroy(other)
    assert client.kv.get("py/lock")[1] is None
    try:
        client.session.renew(session)
    except consul.NotFound:
        return
    raise AssertionError("a session that is gone was renewed")


def agent():
    client.agent.service.register(
        "snake", service_id="s1", address="127.0.0.3", port=80, tags=["a"], meta={"k": "v"}, check=Check.ttl("1m")
    )
    assert client.agent.services()["s1"]["Meta"] == {"k": "v"}
    assert client.agent.checks()["service:s1"]["Status"] == "critical"
    assert client.agent.check.ttl_pass("service:s1", "fine")
    assert client.agent.check.register("own", check=Check.tcp("127.0.0.1", 1, "1h"), check_id="own")
    assert client.agent.check.deregister("own")
    assert client.agent.maintenance(True, "why") and client.agent.maintenance(False)
    assert client.agent.service.maintenance("s1", True, "why") and client.agent.service.maintenance("s1", False)
    assert len(client.agent.members()) == 1


def catalog():
    until("it is in the catalog", lambda: len(client.health.service("snake", passing=True)[1]) == 1)
    entry = client.health.service("snake", tag="a")[1][0]
    assert entry["Service"]["Address"] == "127.0.0.3" and entry["Service"]["Port"] == 80
    assert client.catalog.service("snake")[1][0]["ServiceTags"] == ["a"]
    assert client.catalog.services()[1]["snake"] == ["a"]
    assert client.catalog.register("out", "192.0.2.9", service={"Service": "far"})
    assert sorted(n["Node"] for n in client.catalog.nodes()[1])[0] == "out"
    assert client.catalog.node("out")[1]["Services"]["far"]["Service"] == "far"
    assert client.catalog.deregister("out")
    assert client.catalog.node("out")[1] is None
    assert client.catalog.datacenters() == ["dc1"]
    assert client.health.checks("snake")[1][0]["Output"] == "fine"
    assert any(c["CheckID"] == "service:s1" for c in client.health.state("passing")[1])
    assert client.agent.service.deregister("s1")


def queries():
    made = client.query.create("snake", name="q", onlypassing=True, ttl="5s")
    assert client.query.get(made["ID"])[0]["DNS"]["TTL"] == "5s"
    assert client.query.execute("q")["Nodes"] == []
    assert client.query.explain("q")["Query"]["Name"] == "q"
    assert len(client.query.list()) == 1
    client.query.delete(made["ID"])


def cluster():
    assert client.status.leader() != "" and len(client.status.peers()) == 1
    assert client.operator.raft_config()["Servers"][0]["Leader"] is True
    assert client.operator.autopilot_configuration()["MaxTrailingLogs"] == 250
    assert client.operator.autopilot_health()["Healthy"] is True
    assert client.operator.usage()["Usage"]["dc1"]["Services"] >= 1
    client.kv.put("py/kept", "1")
    snapshot = client.snapshot.save()
    client.kv.delete("py/kept")
    client.snapshot.restore(snapshot)
    until("the snapshot is back", lambda: client.kv.get("py/kept")[1] is not None)
    assert isinstance(client.coordinate.nodes()[1], list)


failed = False
for check in (kv, blocking, transaction, sessions, agent, catalog, queries, cluster):
    try:
        check()
        print(f"ok {check.__name__}")
    except Exception as error:  # every kind: the line has to name the check
        failed = True
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
        print(f"FAIL {check.__name__}: line {line}: {type(error).__name__}: {error}")
sys.exit(1 if failed else 0)
