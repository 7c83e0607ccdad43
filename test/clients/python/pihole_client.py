"""Drives the DNS API through clients of Pi-hole 6. Every check prints one line: "ok NAME" or "FAIL NAME: why"."""

import asyncio
import os
import sys
from urllib.parse import urlparse

import aiohttp
from hole import Hole
from pihole6api import PiHole6Client

url = os.environ["PIHOLE_URL"]
password = os.environ["PIHOLE_PASSWORD"]
client = PiHole6Client(url, password)


def blocking():
    assert client.dns_control.get_blocking_status()["blocking"] == "enabled"
    paused = client.dns_control.set_blocking_status(False, 60)
    assert paused["blocking"] == "disabled" and 50 < paused["timer"] <= 60
    assert client.dns_control.set_blocking_status(True)["blocking"] == "enabled"


def metrics():
    summary = client.metrics.get_stats_summary()
    assert summary["queries"]["total"] >= 2 and summary["gravity"]["domains_being_blocked"] > 0
    assert client.metrics.get_stats_top_domains(count=5)["domains"][0]["domain"] == "www.example"
    assert client.metrics.get_stats_top_clients()["clients"][0]["ip"] == "127.0.0.1"
    assert any(one["ip"] == "cache" for one in client.metrics.get_stats_upstreams()["upstreams"])
    assert client.metrics.get_stats_query_types()["types"]["A"] >= 2
    assert isinstance(client.metrics.get_stats_recent_blocked(), dict)
    assert len(client.metrics.get_history()["history"]) == 144
    assert "127.0.0.1" in client.metrics.get_history_clients()["clients"]
    assert client.metrics.get_queries(length=1)["queries"][0]["type"] == "A"
    assert "A" in client.metrics.get_query_suggestions()["suggestions"]["type"]
    assert "sum_queries" in client.metrics.get_stats_database_summary(0, 4000000000)


def domains():
    added = client.domain_management.add_domain("py.example", "deny", "exact", comment="from python")
    assert added["processed"]["success"] == [{"item": "py.example"}]
    assert client.domain_management.get_domain("py.example", "deny", "exact")["domains"][0]["comment"] == "from python"
    client.domain_management.update_domain("py.example", "deny", "exact", comment="changed")
    client.domain_management.batch_delete_domains([{"item": "py.example", "type": "deny", "kind": "exact"}])
    assert client.domain_management.get_domain("py.example", "deny", "exact")["error"]["key"] == "not_found"


def groups():
    client.group_management.add_group("py", comment="x")
    group = client.group_management.get_group("py")["groups"][0]
    client.client_management.add_client("192.168.77.0/24", groups=[0, group["id"]])
    assert client.client_management.get_clients()["clients"][0]["groups"] == [0, group["id"]]
    client.client_management.batch_delete_clients([{"item": "192.168.77.0/24"}])
    client.group_management.update_group("py", new_name="py2")
    client.group_management.delete_group("py2")
    assert [one["name"] for one in client.group_management.get_groups()["groups"]] == ["Default"]


def lists():
    address = "https://lists.invalid/a.txt"
    client.list_management.add_list(address, "block", enabled=False)
    assert client.list_management.get_list(address, "block")["lists"][0]["enabled"] is False
    client.list_management.update_list(address, "block", comment="y", enabled=False)
    client.list_management.delete_list(address, "block")
    found = client.list_management.search_list("doubleclick.net")["search"]
    assert found["results"]["gravity"]["block"] == 1, found


def config():
    assert client.config.get_config()["config"]["dns"]["blocking"]["mode"] == "NULL"
    client.config.update_config({"dns": {"cache": {"size": 4321}}})
    assert client.config.get_config_section("dns/cache")["config"]["dns"]["cache"]["size"] == 4321
    client.config.add_local_a_record("py.lan", "192.168.1.77")
    assert "192.168.1.77 py.lan" in client.config.get_config_section("dns/hosts")["config"]["dns"]["hosts"]
    client.config.remove_local_a_record("py.lan", "192.168.1.77")
    client.config.add_local_cname("alias.lan", "nas.lan")
    client.config.remove_local_cname("alias.lan", "nas.lan")
    assert client.config.get_config_section("dns/hosts")["config"]["dns"]["hosts"] == []


def info():
    assert client.get_padd_summary()["blocking"] == "enabled"
    assert client.ftl_info.get_version()["version"]["core"]["local"]["version"].startswith("v")
    assert client.ftl_info.get_system_info()["system"]["memory"]["ram"]["total"] > 0
    assert client.ftl_info.get_ftl_info()["ftl"]["privacy_level"] == 0
    assert client.ftl_info.get_diagnosis_message_count()["count"] == 0
    assert client.network_info.get_devices()["devices"][0]["ips"][0]["ip"] == "127.0.0.1"
    assert client.network_info.get_interfaces()["interfaces"]
    assert client.dhcp.get_leases()["leases"] == []
    assert client.actions.restart_dns()["status"] == "success"


def home_assistant():
    """The library behind Home Assistant's integration."""

    async def run():
        place = urlparse(url)
        async with aiohttp.ClientSession() as session:
            hole = Hole(place.hostname, session, port=place.port, password=password, version=6)
            await hole.authenticate()
            await hole.get_data()
            assert hole.dns_queries_today >= 2 and hole.status == "enabled" and hole.domains_being_blocked > 0
            assert hole.unique_clients == 1 and hole.ads_percentage_today >= 0
            await hole.disable(30)
            await hole.get_data()
            assert hole.status == "disabled"
            await hole.enable()
            await hole.logout()

    asyncio.run(run())


def ends():
    client.close_session()


failed = False
for check in [blocking, metrics, domains, groups, lists, config, info, home_assistant, ends]:
    try:
        check()
        print(f"ok {check.__name__}")
    except Exception as error:  # every kind of failure is a line
        failed = True
        print(f"FAIL {check.__name__}: {type(error).__name__} {error}")
sys.exit(1 if failed else 0)
