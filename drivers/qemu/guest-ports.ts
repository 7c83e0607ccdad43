import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { TaskStart } from "../driver.ts";

/** A port outside that leads to one of the guest, TCP and UDP. */
export interface GuestPort {
  /** Empty: all addresses. */
  readonly address: string;
  readonly outside: number;
  readonly guest: number;
}

/**
 * `port_map` gives labels of the group's network their port in the guest; `ports` names labels whose `to` says it. In a
 * network of the group's own, the port outside is the one the group's network is led to.
 */
export function guestPorts(task: TaskStart, config: ConfigReader): Result<readonly GuestPort[]> {
  const wanted = new Map<string, number | undefined>(config.texts("ports").map((label) => [label, undefined]));
  for (const [label, port] of Object.entries(config.map("port_map"))) wanted.set(label, Number(port));
  const ports: GuestPort[] = [];
  for (const [label, inner] of wanted) {
    const mapping = task.ports.find((port) => port.Label === label);
    if (mapping === undefined) {
      const labels = task.ports.map((port) => port.Label).join(", ");
      return fail(
        "VALIDATION",
        `qemu config: the group's network has no port ${JSON.stringify(label)}`,
        labels === "" ? "add a network block with that port to the group" : `its ports: ${labels}`,
      );
    }
    const within = mapping.To > 0 ? mapping.To : mapping.Value;
    const address = task.network !== undefined || mapping.HostIP === "0.0.0.0" ? "" : mapping.HostIP;
    if (address.includes(":"))
      return fail("VALIDATION", `port ${label} is on ${address}: QEMU's user networking forwards IPv4 only`);
    ports.push({ address, outside: task.network === undefined ? mapping.Value : within, guest: inner ?? within });
  }
  return succeed(ports);
}
