import type { ConfigReader } from "../config-shape.ts";
import type { StartFailure, TaskStart } from "../driver.ts";

export type PublishedPorts =
  | {
      readonly ok: true;
      readonly exposed: Readonly<Record<string, object>>;
      readonly bindings: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;
      /** Label to the port inside the container. */
      readonly inside: Readonly<Record<string, number>>;
    }
  | { readonly ok: false; readonly error: StartFailure };

/** `ports` names labels of the group's network; `port_map`, older, gives the inner port as well. Both protocols are published. */
export function portsOf(task: TaskStart, config: ConfigReader): PublishedPorts {
  const wanted = new Map<string, number | undefined>(config.texts("ports").map((label) => [label, undefined]));
  for (const [label, port] of Object.entries(config.map("port_map"))) wanted.set(label, Number(port));
  const onHost = config.text("network_mode") === "host";
  const exposed: Record<string, object> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  const inside: Record<string, number> = {};
  for (const [label, inner] of wanted) {
    const mapping = task.ports.find((port) => port.Label === label);
    if (mapping === undefined) return { ok: false, error: unknownLabel(label, task) };
    const port = inner ?? (mapping.To > 0 ? mapping.To : mapping.Value);
    inside[label] = port;
    if (onHost) continue;
    for (const protocol of ["tcp", "udp"]) {
      exposed[`${port}/${protocol}`] = {};
      (bindings[`${port}/${protocol}`] ??= []).push({ HostIp: mapping.HostIP, HostPort: String(mapping.Value) });
    }
  }
  return { ok: true, exposed, bindings, inside };
}

function unknownLabel(label: string, task: TaskStart): StartFailure {
  const labels = task.ports.map((port) => port.Label).join(", ");
  return {
    code: "VALIDATION",
    message: `docker config: the group's network has no port ${JSON.stringify(label)}`,
    hint: labels === "" ? "add a network block with that port to the group" : `its ports: ${labels}`,
    recoverable: false,
  };
}
