import { checkReference, type Complain } from "./complain.ts";
import type { Forward, RouterConfig } from "./model.ts";

/** Port forwards: one target each, and no port twice. */
export function checkForwards({ forwards, wans, wireguards }: RouterConfig, complain: Complain): void {
  const names = wans.map((each) => each.name);
  for (const [at, forward] of forwards.entries()) {
    checkTarget(forward, complain);
    for (const name of forward.wans) checkReference({ name, known: names, what: "wan" }, forward, complain);
    const other = forwards.slice(0, at).find((each) => collide(each, forward));
    if (other !== undefined)
      complain(
        forward,
        `${JSON.stringify(other.name)} forwards the same port already`,
        "limit one of them with wan or from, or change its port",
      );
    const tunnel = wireguards.find(
      ({ port }) => forward.protocols.includes("udp") && forward.ports.some(([from, to]) => from <= port && port <= to),
    );
    if (tunnel !== undefined)
      complain(
        forward,
        `udp port ${tunnel.port} is the tunnel ${JSON.stringify(tunnel.name)}'s`,
        "give one of them another port",
      );
  }
}

function checkTarget(forward: Forward, complain: Complain): void {
  if ((forward.to === "") === (forward.service === ""))
    complain(forward, "a forward needs to or service, one of them", 'such as to = "192.168.1.10", or service = "web"');
  if (forward.tag !== "" && forward.service === "")
    complain(forward, "tag chooses among the instances of a service", "add service, or remove tag");
  const isRange = forward.ports.length > 1 || forward.ports.some(([from, to]) => from !== to);
  if (isRange && forward.toPort !== 0)
    complain(forward, "several ports cannot go to one", "remove to_port, or write a forward for each");
  if (isRange && forward.service !== "")
    complain(forward, "a service has one port: several cannot go to it", "write a forward for each");
  if (forward.to.includes(":") && forward.toPort !== 0)
    complain(forward, "IPv6 is not translated: the port stays what it is", "remove to_port");
}

/** Whether a packet could be meant for both. */
function collide(one: Forward, other: Forward): boolean {
  return (
    one.to.includes(":") === other.to.includes(":") &&
    one.from.length === 0 &&
    other.from.length === 0 &&
    one.protocols.some((each) => other.protocols.includes(each)) &&
    (one.wans.length === 0 || other.wans.length === 0 || one.wans.some((each) => other.wans.includes(each))) &&
    one.ports.some(([from, to]) => other.ports.some(([first, last]) => from <= last && first <= to))
  );
}
