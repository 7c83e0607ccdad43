import { join } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { NodeResources } from "#base/protocol/node.ts";
import { parseConflist } from "../network/alloc-networks.ts";

export interface CniFacts {
  /** `plugins.cni.version.bridge` … */
  readonly attributes: Readonly<Record<string, string>>;
  readonly networks: NodeResources["Networks"];
  readonly nodeNetworks: NodeResources["NodeNetworks"];
}

/** What networks of allocations in bridge mode are made with. */
const OF_BRIDGE = ["bridge", "firewall", "host-local", "loopback", "portmap"];
const NAME = /^[a-z][a-z0-9-]{0,30}$/;

/** The plugins and networks of CNI on this node; a bridge only where all its parts are. */
export async function cniFacts(env: Env, client: AgentConfig["client"]): Promise<CniFacts> {
  const plugins = await pluginsIn(env, client.cniPath);
  const configured = await networksIn(env, client.cniConfigDir);
  const hasBridge = OF_BRIDGE.every((plugin) => plugins.has(plugin));
  const modes = [
    ...(hasBridge ? [{ mode: "bridge", device: client.bridgeNetworkName }] : []),
    ...configured.map((name) => ({ mode: `cni/${name}`, device: "" })),
  ];
  return {
    attributes: {
      ...Object.fromEntries([...plugins].map(([name, version]) => [`plugins.cni.version.${name}`, version])),
      ...(hasBridge ? bridgeAttributes(client) : {}),
    },
    networks: modes.map(({ mode, device }) => ({
      Mode: mode,
      Device: device,
      CIDR: "",
      IP: "",
      Hostname: "",
      MBits: 0,
      DNS: null,
      CNI: null,
      ReservedPorts: [],
      DynamicPorts: [],
    })),
    nodeNetworks: modes.map(({ mode, device }) => ({
      Mode: mode,
      Device: device,
      MacAddress: "",
      Speed: 0,
      Addresses: [],
    })),
  };
}

/** For constraints of jobs whose allocations reach each other by the addresses of bridges. */
function bridgeAttributes(client: AgentConfig["client"]): Readonly<Record<string, string>> {
  const { bridgeNetworkSubnet: subnet, bridgeNetworkSubnetIpv6: subnetIpv6, bridgeNetworkRouted: isRouted } = client;
  return {
    "network.bridge.routed": String(isRouted),
    "nomad.bridge.hairpin_mode": String(client.bridgeNetworkHairpinMode),
    "unique.network.bridge.subnet": subnet,
    ...(subnetIpv6 === "" ? {} : { "unique.network.bridge.subnet-ipv6": subnetIpv6 }),
  };
}

/** Plugins by name. Those of one folder come in one package: one of them is asked for its version. */
async function pluginsIn(env: Env, path: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const folder of path.split(":").filter((each) => each !== "")) {
    const names = (await env.disk.list(folder).catch(() => [])).filter((name) => NAME.test(name) && !found.has(name));
    const asked = names.includes("bridge") ? "bridge" : names[0];
    const version = asked === undefined ? undefined : await versionOf(env, join(folder, asked));
    if (version !== undefined) for (const name of names) found.set(name, version);
  }
  return found;
}

/** Called with nothing to do, they say who they are. */
async function versionOf(env: Env, program: string): Promise<string | undefined> {
  const done = await env.exec.run([program], { env: {}, input: "", timeoutMs: 5000, maxOutputBytes: 4096 });
  const said = `${done.stdout}${done.stderr}`;
  if (!/CNI .*plugin/i.test(said)) return undefined;
  const own = /plugin (v?\d+\.\d+\.\d+\S*)/.exec(said)?.[1];
  return own ?? /supported:.*?(\d+\.\d+\.\d+)\s*$/m.exec(said)?.[1] ?? "0.0.0";
}

async function networksIn(env: Env, folder: string): Promise<readonly string[]> {
  const files = (await env.disk.list(folder).catch(() => [])).filter((name) => /\.(?:conflist|conf|json)$/.test(name));
  const names = await Promise.all(
    files.map(async (file) => {
      const bytes = await env.disk.read(join(folder, file)).catch(() => undefined);
      return bytes === undefined ? undefined : parseConflist(textOf(bytes))?.name;
    }),
  );
  return [...new Set(names)].flatMap((name) => name ?? []);
}
