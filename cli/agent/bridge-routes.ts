import { join } from "node:path";
import { sleep } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import { bridgeSettings } from "#daemons/scheduler/client/network/create-networks.ts";
import { BRIDGE_TAG } from "#daemons/scheduler/client/network/routes/route-plan.ts";
import { bridgeTag } from "./bridge-tag.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** Of bridges that have routes, until the next boot. */
const NOTES = "/run/lares/routed";
const AGAIN_MS = 10_000;

interface Known {
  readonly env: Env;
  readonly config: AgentConfig;
  readonly addresses: { readonly advertise: string };
  readonly gossip: { readonly serf: Serf } | undefined;
}

/** Keeps the ways to other nodes' bridges as gossip tells of them; takes away what is there of before, where they are off. */
export async function followBridges(known: Known, lifecycle: Lifecycle): Promise<void> {
  const { env, config, gossip } = known;
  const bridge = bridgeSettings(config.client);
  const note = join(NOTES, bridge.name);
  if (!config.client.enabled || !bridge.routed) {
    if ((await env.disk.stat(note).catch(() => undefined)) === undefined) return;
    const { forgetRoutes } = await import("#daemons/scheduler/client/network/routes/routed-bridge.ts");
    await forgetRoutes(env, bridge.name);
    return env.disk.remove(note);
  }
  await noteRoutes(env, note);
  const { RoutedBridge } = await import("#daemons/scheduler/client/network/routes/routed-bridge.ts");
  const routed = new RoutedBridge(env, bridge);
  lifecycle.add("the ways to other nodes' bridges", () => routed.stop());
  if (gossip !== undefined) {
    const { serf } = gossip;
    const tell = (): void => routed.follow(announced(serf));
    lifecycle.add(
      "news of other nodes' bridges",
      serf.subscribe(({ kind }) => (kind.startsWith("member") ? tell() : undefined)),
    );
    tell();
    const end = new AbortController();
    lifecycle.add("the address of this node on its link", () => end.abort());
    void tellAgain(known, serf, end.signal);
  }
  routed.start();
}

async function noteRoutes({ disk }: Env, note: string): Promise<void> {
  try {
    await disk.makeDir(NOTES);
    await disk.replace(note, "");
  } catch (thrown) {
    throw new CodedError(
      "agent_config",
      `client { bridge_network_routed }: ${messageOf(thrown)}`,
      "routes and firewall rules take root's rights: run the agent as root, or remove the setting",
    );
  }
}

/** At the start of a machine its link may have had no address of IPv6 yet, and it may get another one. */
async function tellAgain({ config, addresses, env }: Known, serf: Serf, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const now = bridgeTag(config, addresses.advertise, env.net);
    const before = serf.core.tags;
    if (now[BRIDGE_TAG] !== before[BRIDGE_TAG]) {
      const told = await serf.setTags({ ...before, ...now });
      if (!told.ok) env.log.warn("the others do not hear of this node's bridge", { reason: told.error.message });
    }
    await sleep(env.clock, AGAIN_MS, signal);
  }
}

/** A node that failed keeps its route: it may be back at any time, and nobody else has its subnet. */
function announced(serf: Serf) {
  return serf
    .members()
    .filter(({ name, status }) => name !== serf.name && status !== "left" && status !== "none")
    .flatMap(({ name, host, tags }) => {
      const said = tags[BRIDGE_TAG];
      return said === undefined ? [] : [{ node: name, host, said }];
    });
}
