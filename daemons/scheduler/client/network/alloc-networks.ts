import { createHash } from "node:crypto";
import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { NetworkResource, PortMapping } from "#base/protocol/resources.ts";
import { text } from "#base/protocol/schema.ts";
import type { Driver, TaskNetwork } from "#drivers/driver.ts";
import { closePorts, openPorts } from "./admin-chain.ts";
import { bridgeNetwork, leasesOf, type BridgeSettings } from "./bridge-network.ts";
import { Cni, CniResultSchema, ConflistSchema, type Attachment, type CniResult, type Conflist } from "./cni.ts";
import { hostsFile, resolvConf } from "./name-files.ts";

export interface AllocNetworksDeps {
  readonly env: Env;
  readonly allocsRoot: string;
  readonly bridge: BridgeSettings;
  /** Folders with plugins, by colons. */
  readonly cniPath: string;
  /** Folder with `*.conflist` and `*.conf` for `cni/NAME`. */
  readonly cniConfigDir: string;
}

/** What the network of an allocation is to look like. */
export interface NetworkWish {
  readonly allocId: string;
  readonly network: NetworkResource;
  readonly ports: readonly PortMapping[];
  /** Of the group's tasks. */
  readonly drivers: readonly Driver[];
}

const KeptSchema = v.object({
  namespace: text,
  device: text,
  address: text,
  addressIpv6: v.optional(v.string(), ""),
  hostname: text,
  /** The driver that made the namespace, and its name for it; empty: the system did. */
  driver: text,
  sandbox: text,
  network: ConflistSchema,
  /** What the plugins answered: they want it back when they take it down. */
  result: v.optional(CniResultSchema),
  capabilities: v.record(v.string(), v.unknown()),
  args: v.record(v.string(), v.string()),
});
type Kept = v.InferOutput<typeof KeptSchema>;

const DEVICE = "eth0";
const NAMESPACES = "/run/netns";
const IP_TIMEOUT_MS = 20_000;

/** Whether a mode wants a namespace of the allocation's own with a network in it. */
export function needsNetwork(mode: string): boolean {
  return mode === "bridge" || mode.startsWith("cni/");
}

/** Makes, finds and takes down the networks of this node's allocations, one at a time: the plugins share the firewall. */
export class AllocNetworks {
  readonly #deps: AllocNetworksDeps;
  readonly #cni: Cni;
  /** Of this agent's namespaces, so that another agent's on the machine are left alone. */
  readonly #prefix: string;
  #order: Promise<unknown> = Promise.resolve();

  constructor(deps: AllocNetworksDeps) {
    this.#deps = deps;
    this.#cni = new Cni(deps.env, deps.cniPath);
    this.#prefix = `lares-${createHash("sha256").update(deps.allocsRoot).digest("hex").slice(0, 6)}-`;
  }

  /** The one that is there, or a new one. Failures name what is missing and what to do. */
  ensure(wish: NetworkWish): Promise<Result<TaskNetwork>> {
    return this.#inTurn(async () => {
      const kept = await this.#read(wish.allocId);
      if (kept !== undefined) {
        if (await this.#stands(kept, wish.drivers)) return succeed(this.#answer(wish.allocId, kept));
        await this.#takeDown(wish.allocId, kept, wish.drivers);
      }
      return this.#setUp(wish);
    });
  }

  /** What an earlier agent made. */
  async find(allocId: string): Promise<TaskNetwork | undefined> {
    const kept = await this.#read(allocId);
    return kept === undefined || kept.address === "" ? undefined : this.#answer(allocId, kept);
  }

  /** Nothing of it stays. Never rejects. */
  release(allocId: string, drivers: readonly Driver[]): Promise<void> {
    return this.#inTurn(async () => {
      const kept = await this.#read(allocId);
      if (kept !== undefined) await this.#takeDown(allocId, kept, drivers);
    }).catch((thrown: unknown) =>
      this.#deps.env.log.warn("the network of an allocation was not taken down", {
        alloc: allocId,
        reason: messageOf(thrown),
      }),
    );
  }

  /** Takes down what earlier runs left for allocations that are not among `keep`. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    const { env } = this.#deps;
    const names = await env.disk.list(NAMESPACES).catch(() => []);
    for (const name of names) {
      const allocId = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : undefined;
      if (allocId === undefined || keep.has(allocId)) continue;
      env.log.info("a network that nobody uses any more is taken down", { alloc: allocId });
      await this.#inTurn(async () => {
        const kept = (await this.#read(allocId)) ?? this.#bare(allocId);
        await this.#takeDown(allocId, kept, []);
      });
    }
  }

  async #setUp(wish: NetworkWish): Promise<Result<TaskNetwork>> {
    const { env } = this.#deps;
    const { allocId, network, ports } = wish;
    const conflist = await this.#conflist(network.Mode);
    if (!conflist.ok) return conflist;
    const hostname = network.Hostname === "" ? allocId.slice(0, 12) : network.Hostname;
    const made = await this.#makeNamespace(wish, hostname);
    if (!made.ok) return made;
    const args = { ...network.CNI?.Args, NOMAD_REGION: "global", NOMAD_ALLOC_ID: allocId };
    const kept: Kept = {
      ...made.value,
      device: DEVICE,
      address: "",
      addressIpv6: "",
      hostname,
      network: conflist.value,
      capabilities: { portMappings: mappingsOf(ports) },
      args,
    };
    // Before anything is connected: whoever finds it takes all of it down.
    await this.#write(allocId, kept);
    const added = await this.#cni.add(conflist.value, attachmentOf(allocId, kept));
    if (!added.ok) {
      await this.#takeDown(allocId, kept, wish.drivers);
      return explained(added.error.message, added.error.hint);
    }
    if (network.Mode === "bridge") await this.#openPorts();
    const done = { ...kept, ...addressesIn(added.value), result: added.value };
    const folder = this.#folder(allocId);
    await env.disk.replace(join(folder, "resolv.conf"), await resolvConf(env.disk, network.DNS));
    await env.disk.replace(join(folder, "hosts"), hostsFile(done.address, hostname));
    await this.#write(allocId, done);
    return succeed(this.#answer(allocId, done));
  }

  async #makeNamespace(
    { allocId, network, drivers }: NetworkWish,
    hostname: string,
  ): Promise<Result<Pick<Kept, "namespace" | "driver" | "sandbox">>> {
    const maker = drivers.find((driver) => driver.sandbox !== undefined);
    if (maker?.sandbox !== undefined) {
      const { allocsRoot } = this.#deps;
      const made = await maker.sandbox.create({ allocId, allocsRoot, hostname, dns: network.DNS });
      return made.ok ? succeed({ namespace: made.value.namespace, driver: maker.name, sandbox: made.value.id }) : made;
    }
    const name = `${this.#prefix}${allocId}`;
    await this.#ip("netns", "delete", name);
    const made = await this.#ip("netns", "add", name);
    if (made !== "") return explained(`cannot make a network namespace: ${made}`);
    return succeed({ namespace: `${NAMESPACES}/${name}`, driver: "", sandbox: "" });
  }

  async #takeDown(allocId: string, kept: Kept, drivers: readonly Driver[]): Promise<void> {
    const { env } = this.#deps;
    const problem = await this.#cni.remove(kept.network, attachmentOf(allocId, kept), kept.result);
    if (problem !== "") env.log.warn("a network was not taken down cleanly", { alloc: allocId, problem });
    if (kept.sandbox === "") await this.#ip("netns", "delete", `${this.#prefix}${allocId}`);
    else await drivers.find(({ name }) => name === kept.driver)?.sandbox?.remove(kept.sandbox);
    await env.disk.remove(this.#file(allocId));
    const { bridge } = this.#deps;
    if (kept.network.name === bridge.name) await closePorts(env, bridge.name, leasesOf(bridge));
  }

  async #openPorts(): Promise<void> {
    const { env, bridge } = this.#deps;
    const subnets = [bridge.subnet, bridge.subnetIpv6].filter((subnet) => subnet !== "");
    const problem = await openPorts(env, { name: bridge.name, subnets });
    if (problem !== "") env.log.warn("the firewall may keep ports of allocations closed", { problem });
  }

  /** A restart of the machine, or of the engine, takes namespaces away. */
  async #stands(kept: Kept, drivers: readonly Driver[]): Promise<boolean> {
    if (kept.address === "") return false;
    if (kept.sandbox === "") return (await this.#deps.env.disk.stat(kept.namespace)) !== undefined;
    const maker = drivers.find(({ name }) => name === kept.driver)?.sandbox;
    return maker !== undefined && (await maker.stands(kept.sandbox));
  }

  async #conflist(mode: string): Promise<Result<Conflist>> {
    if (mode === "bridge") return succeed(bridgeNetwork(this.#deps.bridge));
    return readConflist(this.#deps, mode.slice("cni/".length));
  }

  /** What is known of a namespace whose file is gone. */
  #bare(allocId: string): Kept {
    return {
      namespace: `${NAMESPACES}/${this.#prefix}${allocId}`,
      device: DEVICE,
      address: "",
      addressIpv6: "",
      hostname: "",
      driver: "",
      sandbox: "",
      network: bridgeNetwork(this.#deps.bridge),
      capabilities: {},
      args: {},
    };
  }

  #answer(allocId: string, { namespace, device, address, addressIpv6, sandbox }: Kept): TaskNetwork {
    const folder = this.#folder(allocId);
    return {
      namespace,
      sandbox,
      device,
      address,
      addressIpv6,
      resolvConf: join(folder, "resolv.conf"),
      hosts: join(folder, "hosts"),
    };
  }

  /** What went wrong; empty: nothing. */
  async #ip(...words: readonly string[]): Promise<string> {
    const done = await this.#deps.env.exec.run(["ip", ...words], { timeoutMs: IP_TIMEOUT_MS });
    return done.code === 0 && done.signal === 0 ? "" : done.stderr.trim() || `ip ended with ${done.code}`;
  }

  #folder(allocId: string): string {
    return join(this.#deps.allocsRoot, allocId);
  }

  #file(allocId: string): string {
    return join(this.#folder(allocId), "network.json");
  }

  async #read(allocId: string): Promise<Kept | undefined> {
    const bytes = await this.#deps.env.disk.read(this.#file(allocId)).catch(() => undefined);
    if (bytes === undefined) return undefined;
    try {
      return v.parse(KeptSchema, JSON.parse(textOf(bytes)));
    } catch {
      return undefined;
    }
  }

  async #write(allocId: string, kept: Kept): Promise<void> {
    await this.#deps.env.disk.replace(this.#file(allocId), `${JSON.stringify(kept)}\n`);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#order.then(work, work);
    this.#order = next.catch(() => undefined);
    return next;
  }
}

function attachmentOf(allocId: string, { namespace, device, capabilities, args }: Kept): Attachment {
  return { containerId: allocId, namespace, device, capabilities, args };
}

/** Both protocols, as ports of jobs have none. `To` -1 is the host's port. */
function mappingsOf(ports: readonly PortMapping[]) {
  return ports.flatMap(({ Value, To, HostIP }) =>
    ["tcp", "udp"].map((protocol) => ({
      hostPort: Value,
      containerPort: To > 0 ? To : Value,
      protocol,
      ...(HostIP === "" || HostIP === "0.0.0.0" ? {} : { hostIP: HostIP }),
    })),
  );
}

/** Of the interface inside. */
function addressesIn({ ips, interfaces }: CniResult): Pick<Kept, "address" | "addressIpv6"> {
  const inside = ips.filter((ip) => (interfaces[ip.interface]?.sandbox ?? "inside") !== "");
  const all = inside.map(({ address }) => address.split("/")[0] ?? "");
  const six = all.find((address) => address.includes(":")) ?? "";
  return { address: all.find((address) => !address.includes(":")) ?? six, addressIpv6: six };
}

const KERNEL = /not supported|unknown device type|no such device|can't initialize|does not exist.*kernel|Protocol not/i;

function explained(message: string, hint?: string): Result<never> {
  if (hint !== undefined) return fail("NETWORK", message, hint);
  if (/permission|not permitted/i.test(message))
    return fail(
      "NETWORK",
      message,
      'networks of allocations take root\'s rights: run the agent as root, or use mode = "host"',
    );
  if (KERNEL.test(message))
    return fail(
      "NETWORK",
      message,
      "this kernel lacks what bridges need: modprobe bridge veth br_netfilter nf_nat xt_MASQUERADE",
    );
  return fail("NETWORK", message);
}

/** `NAME.conflist` or the file whose `name` says so. Failure `NETWORK`. */
async function readConflist({ env, cniConfigDir }: AllocNetworksDeps, name: string): Promise<Result<Conflist>> {
  const files = (await env.disk.list(cniConfigDir).catch(() => [])).filter((file) =>
    /\.(?:conflist|conf|json)$/.test(file),
  );
  for (const file of files.toSorted((a, b) => (a < b ? -1 : 1))) {
    const bytes = await env.disk.read(join(cniConfigDir, file)).catch(() => undefined);
    if (bytes === undefined) continue;
    const read = parseConflist(textOf(bytes));
    if (read?.name === name) return succeed(read);
  }
  return fail(
    "NETWORK",
    `there is no CNI network ${JSON.stringify(name)} in ${cniConfigDir}`,
    "put NAME.conflist there, or set client { cni_config_dir }",
  );
}

/** A list of plugins, or one plugin alone. */
export function parseConflist(json: string): Conflist | undefined {
  try {
    const value: unknown = JSON.parse(json);
    const whole = v.safeParse(ConflistSchema, value);
    if (whole.success) return whole.output;
    const one = v.safeParse(
      v.looseObject({ name: v.string(), type: v.string(), cniVersion: v.optional(v.string()) }),
      value,
    );
    if (!one.success) return undefined;
    const { name, cniVersion, ...plugin } = one.output;
    return v.parse(ConflistSchema, { name, ...(cniVersion === undefined ? {} : { cniVersion }), plugins: [plugin] });
  } catch {
    return undefined;
  }
}
