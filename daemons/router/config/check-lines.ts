import { parseCidr, contains, parseIp } from "../address/ip.ts";
import type { Complain } from "./complain.ts";
import type { RouterConfig, Wan } from "./model.ts";

/** Connections remember their line in a byte. */
const MOST_LINES = 200;
const SHORTEST_CHECK_MS = 1000;
const V6_LINK_LOCAL = /^fe[89ab]/;

/** Each line to the outside has what its kind needs, and nothing of another kind. */
export function checkLines({ wans }: RouterConfig, complain: Complain): void {
  for (const wan of wans.slice(MOST_LINES))
    complain(wan, `more than ${MOST_LINES} lines are not possible`, "remove some");
  for (const wan of wans) {
    if (wan.kind === "static") checkStatic(wan, complain);
    else if (wan.addresses.length > 0 || wan.gateways.length > 0)
      complain(
        wan,
        `a line of type ${wan.kind} gets its address from the provider`,
        'remove address and gateway, or set type = "static"',
      );
    if (wan.kind === "pppoe") checkPppoe(wan, complain);
    else if (wan.pppoe !== null) complain(wan, `a line of type ${wan.kind} has no pppoe block`, 'set type = "pppoe"');
    if (wan.health !== null) checkHealth(wan, complain);
    if (wan.qos !== null && wan.qos.download === 0 && wan.qos.upload === 0)
      complain(
        wan,
        "qos needs download or upload",
        'measure the line and write a little less, such as upload = "38mbit"',
      );
  }
}

function checkStatic(wan: Wan, complain: Complain): void {
  const networks = wan.addresses.map(parseCidr).filter((each) => each !== undefined);
  if (networks.length === 0) complain(wan, "a static line needs its address", 'add address = "203.0.113.2/24"');
  if (wan.gateways.length === 0) complain(wan, "a static line needs its gateway", 'add gateway = "203.0.113.1"');
  for (const text of wan.gateways) {
    const gateway = parseIp(text);
    const reached = gateway !== undefined && networks.some((each) => contains(each, gateway));
    if (!reached && !V6_LINK_LOCAL.test(text))
      complain(wan, `the gateway ${text} is in none of the line's networks`, "check address and gateway");
  }
}

function checkPppoe(wan: Wan, complain: Complain): void {
  if (wan.pppoe === null || wan.pppoe.user === "")
    return complain(wan, "a PPPoE line needs its user", 'add pppoe { user = "…"  password_file = "/…" }');
  if (!hasOneSecret(wan.pppoe))
    complain(
      wan,
      "a PPPoE line needs password_variable, password_file or password, one of them",
      "a variable, or a file that only root reads, is safer",
    );
  if (wan.mac !== "") complain(wan, "mac is for the Ethernet interface of a line by DHCP", "remove it");
  if (wan.mtu > 1500)
    complain(
      wan,
      `a PPPoE line cannot carry packets of ${wan.mtu} bytes`,
      "1492 is usual, 1500 where the provider says so",
    );
}

export function hasOneSecret(block: {
  readonly password: string;
  readonly passwordFile: string;
  readonly passwordVariable: string;
}): boolean {
  return [block.password, block.passwordFile, block.passwordVariable].filter((each) => each !== "").length === 1;
}

function checkHealth(wan: Wan, complain: Complain): void {
  const { health } = wan;
  if (health === null) return;
  if (health.targets.length === 0) complain(wan, "health needs targets", 'such as targets = ["9.9.9.9", "1.1.1.1"]');
  if (health.intervalMs < SHORTEST_CHECK_MS)
    complain(wan, "the interval of health checks is shorter than a second", 'write interval = "5s"');
  if (health.timeoutMs < 100 || health.timeoutMs > health.intervalMs)
    complain(wan, "the timeout of health checks must be from 100ms to their interval", 'write timeout = "2s"');
}
