import type { Desired, WantedAddress, WantedLink, WantedPolicy, WantedRoute } from "../plan/desired.ts";
import { TABLE, UPNP_TABLE } from "../plan/ruleset.ts";
import type { Owned } from "./owned.ts";
import { shaperSteps, tunnelSteps } from "./diff-links.ts";
import type { Step } from "./step.ts";
import { PROTOCOL, policyKey, settingPath, type Standing } from "./standing.ts";

export interface Change {
  readonly steps: readonly Step[];
  /** What is ours after them. */
  readonly owned: Owned;
}

/**
 * What to do so that everything wanted stands, and nothing of ours that is not. The firewall comes first, so that no
 * address and no route is ever there without it, and goes last.
 */
export function diff(desired: Desired, standing: Standing, owned: Owned): Change {
  const wanted = new Set(desired.addresses.map(addressKey));
  const links = new Set(desired.links.map(({ name }) => name));
  const made = desired.links.filter(
    ({ name, kind }) => kind !== "present" && (!standing.links.has(name) || owned.links.includes(name)),
  );
  const gone = owned.links.filter((name) => !links.has(name) && standing.links.has(name));
  const settings = settingSteps(desired, standing, owned);
  const firewall = firewallSteps(desired, standing, owned);
  const added = desired.addresses.filter((each) => !standing.addresses.has(addressKey(each)));
  const steps = [
    ...(desired.ruleset === "" ? [] : firewall),
    ...policySteps(desired.policies, standing, "removed"),
    ...routeSteps(desired.routes, standing, "removed"),
    ...owned.addresses.filter((each) => !wanted.has(each) && standing.addresses.has(each)).map(removeAddress),
    ...desired.links.flatMap((each) => linkSteps(each, standing)),
    ...tunnelSteps(desired.tunnels, standing, owned),
    ...settings.steps,
    ...added.map(addAddress),
    ...routeSteps(desired.routes, standing, "added"),
    ...policySteps(desired.policies, standing, "added"),
    ...shaperSteps(desired.shapers, standing, owned),
    ...gone.map((name) => ({ title: `- interface ${name}`, argv: ["ip", "link", "delete", name], lenient: true })),
    ...(desired.ruleset === "" ? firewall : []),
  ];
  return {
    steps: steps.map(markFleeting),
    owned: {
      links: made.map(({ name }) => name),
      addresses: [...owned.addresses.filter((each) => wanted.has(each)), ...added.map(addressKey)].filter(unique),
      settings: settings.originals,
      ruleset: { text: desired.ruleset, listing: owned.ruleset.listing },
      shapers: Object.fromEntries(desired.shapers.map((each) => [each.device, JSON.stringify(each)])),
      tunnels: Object.fromEntries(
        desired.tunnels.map((each) => [
          each.device,
          { signature: JSON.stringify(each), peers: each.peers.map(({ publicKey }) => publicKey) },
        ]),
      ),
    },
  };
}

/** Sessions of PPP end between a look at the machine and a step. */
function markFleeting(step: Step): Step {
  const device = step.argv[step.argv.indexOf("dev") + 1] ?? "";
  return step.argv.includes("dev") && device.startsWith("ppp-") ? { ...step, fleeting: device } : step;
}

/** Naming a table before it is deleted makes that succeed where there is none. */
const NO_TABLES = [TABLE, UPNP_TABLE].map((name) => `table ${name}\ndelete table ${name}\n`).join("");

export function addressKey({ device, address }: WantedAddress): string {
  return `${device} ${address}`;
}

function firewallSteps({ ruleset }: Desired, { listing }: Standing, owned: Owned): readonly Step[] {
  if (ruleset === "")
    return listing === "" ? [] : [{ title: "- the firewall", argv: ["nft", "-f", "-"], input: NO_TABLES }];
  if (listing !== "" && ruleset === owned.ruleset.text && listing === owned.ruleset.listing) return [];
  const changed = listing !== "" && ruleset === owned.ruleset.text ? " (somebody changed it)" : "";
  const title = listing === "" ? "+ the firewall" : `~ the firewall${changed}`;
  return [{ title, argv: ["nft", "-f", "-"], input: ruleset }];
}

function linkSteps(link: WantedLink, { links }: Standing): readonly Step[] {
  const { name } = link;
  const found = links.get(name);
  const steps: Step[] = [];
  const set = (title: string, ...words: readonly string[]): void =>
    void steps.push({ title: `~ interface ${name}: ${title}`, argv: ["ip", "link", "set", "dev", name, ...words] });
  if (found === undefined && link.kind !== "present")
    steps.push({ title: `+ interface ${name} (${link.kind})`, argv: ["ip", "link", "add", ...makeWords(link)] });
  if (link.mac !== "" && found?.mac !== link.mac) set(`address ${link.mac}`, "address", link.mac);
  if (link.mtu !== 0 && found?.mtu !== link.mtu) set(`packets up to ${link.mtu} bytes`, "mtu", String(link.mtu));
  if (link.master !== "" && found?.master !== link.master) set(`port of ${link.master}`, "master", link.master);
  if (found?.up !== true) set("up", "up");
  return steps;
}

function makeWords({ name, kind, parent, vlan }: WantedLink): readonly string[] {
  if (kind === "vlan") return ["link", parent, "name", name, "type", "vlan", "id", String(vlan)];
  return ["name", name, "type", kind];
}

function settingSteps(
  desired: Desired,
  standing: Standing,
  owned: Owned,
): { readonly steps: readonly Step[]; readonly originals: Readonly<Record<string, string>> } {
  const steps: Step[] = [];
  const originals = new Map<string, string>();
  const write = (path: string, value: string, lenient: boolean): void =>
    void steps.push({ title: `~ ${path} = ${value}`, argv: ["tee", settingPath(path)], input: value, lenient });
  for (const [path, value] of desired.settings) {
    const found = standing.settings.get(path);
    const original = owned.settings[path] ?? (found === value ? undefined : found);
    if (original !== undefined) originals.set(path, original);
    // An interface that is only now being made has its settings once it is there; some kernels lack some settings.
    if (found !== value) write(path, value, true);
  }
  for (const [path, original] of Object.entries(owned.settings))
    if (!desired.settings.has(path) && standing.settings.has(path) && standing.settings.get(path) !== original)
      write(path, original, true);
  return { steps, originals: Object.fromEntries(originals) };
}

function addAddress({ device, address }: WantedAddress): Step {
  const words = address.includes(":") ? ["nodad"] : ["broadcast", "+"];
  const plain = /\/(31|32)$/.test(address) ? [] : words;
  return {
    title: `+ ${address} on ${device}`,
    argv: ["ip", "address", "replace", address, "dev", device, ...(address.includes(":") ? words : plain)],
  };
}

function removeAddress(key: string): Step {
  const [device = "", address = ""] = key.split(" ");
  return {
    title: `- ${address} on ${device}`,
    argv: ["ip", "address", "delete", address, "dev", device],
    lenient: true,
  };
}

function routeSteps(wanted: readonly WantedRoute[], { routes }: Standing, which: "added" | "removed"): readonly Step[] {
  const key = (route: WantedRoute): string =>
    [route.family, route.table, route.kind, route.to, route.via, route.device, route.metric].join(" ");
  // A route without a device of its own gets one from the kernel.
  const loose = (route: WantedRoute): string =>
    key({ ...route, device: "", metric: route.metric === 0 && route.family === 6 ? 1024 : route.metric });
  const is = (one: WantedRoute, other: WantedRoute): boolean =>
    key(one) === key(other) || (one.device === "" || one.metric === 0 ? loose(one) === loose(other) : false);
  if (which === "added")
    return wanted
      .filter((each) => !routes.some((other) => is(each, other)))
      .map((each) => ({
        title: `+ route ${routeTitle(each)}`,
        argv: ["ip", `-${each.family}`, "route", "replace", ...routeWords(each)],
      }));
  return routes
    .filter((each) => !wanted.some((other) => is(other, each)))
    .map((each) => ({
      title: `- route ${routeTitle(each)}`,
      argv: ["ip", `-${each.family}`, "route", "delete", ...routeWords(each)],
      lenient: true,
    }));
}

function routeTitle({ to, via, device, metric, table, kind }: WantedRoute): string {
  const way =
    kind === "unreachable"
      ? "to nowhere"
      : [via === "" ? "" : `via ${via}`, device].filter((each) => each !== "").join(" on ");
  return `${to} ${way} (table ${table}, metric ${metric})`;
}

function routeWords({ kind, to, via, device, metric, table }: WantedRoute): readonly string[] {
  return [
    ...(kind === "unreachable" ? ["unreachable"] : []),
    to,
    ...(via === "" ? [] : ["via", via]),
    ...(device === "" ? [] : ["dev", device]),
    // A provider's gateway may be outside of the network it gave.
    ...(via !== "" && device !== "" ? ["onlink"] : []),
    ...(metric === 0 ? [] : ["metric", String(metric)]),
    "table",
    String(table),
    "proto",
    PROTOCOL,
  ];
}

function policySteps(
  wanted: readonly WantedPolicy[],
  { policies }: Standing,
  which: "added" | "removed",
): readonly Step[] {
  const keys = new Set(wanted.map(policyKey));
  if (which === "removed")
    return [...policies]
      .filter(([key]) => !keys.has(key))
      .map(([key, { family }]) => ({
        title: `- rule ${key}`,
        argv: ["ip", `-${family}`, "rule", "delete", ...policyWords(key)],
        lenient: true,
      }));
  return wanted
    .filter((each) => !policies.has(policyKey(each)))
    .map((each) => ({
      title: `+ rule ${policyKey(each)}`,
      argv: [
        "ip",
        `-${each.family}`,
        "rule",
        "add",
        ...policyWords(policyKey(each)),
        ...(each.exceptDefault ? ["suppress_prefixlength", "0"] : []),
        "protocol",
        PROTOCOL,
      ],
    }));
}

/** `4 15100 fwmark 0x1/0xff 20001` → the words that say the same to ip-rule(8). */
function policyWords(key: string): readonly string[] {
  const [, priority = "", match = "", value = "", table = ""] = key.split(" ");
  return ["priority", priority, match, value, "table", table];
}

function unique(item: string, at: number, all: readonly string[]): boolean {
  return all.indexOf(item) === at;
}
