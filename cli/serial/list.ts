import { createSerialPorts } from "#base/platform/serial-ports.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { NodeDevice } from "#base/protocol/node.ts";
import { readSerialOptions } from "#drivers/devices/serial/plugin-options.ts";
import { createSerialSource } from "#drivers/devices/serial/serial-source.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import type { RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { shortId } from "../print/time.ts";

interface Row {
  readonly device: string;
  readonly id: string;
  readonly node: string;
  readonly path: string;
  readonly serialNumber: string;
  /** `free`, `unplugged`, or who uses it. */
  readonly state: string;
}

/** Every device of the type, of every node. */
const ofCluster = withNomad(async (session) => {
  const wanted = session.flags.value("type") ?? "serial";
  const stubs = valueOf(await session.nomad.nodes.list());
  const perNode = await Promise.all(
    stubs.filter(({ Status }) => Status !== "down").map(({ ID }) => rowsOf(session, ID)),
  );
  const rows = perNode.flat().filter(({ type }) => wanted === "all" || type === wanted);
  return show(session, rows, () => print(rows, wanted));
});

async function rowsOf({ nomad }: NomadSession, nodeId: string): Promise<(Row & { readonly type: string })[]> {
  const node = valueOf(await nomad.nodes.read(nodeId));
  const { Devices } = node.NodeResources;
  if (Devices.length === 0) return [];
  const users = new Map<string, string>();
  for (const alloc of valueOf(await nomad.nodes.allocations(nodeId))) {
    if (alloc.ClientStatus !== "running" && alloc.ClientStatus !== "pending") continue;
    for (const task of Object.values(alloc.AllocatedResources.Tasks)) {
      for (const { Vendor, Type, Name, DeviceIDs } of task.Devices)
        for (const id of DeviceIDs)
          users.set(`${Vendor}/${Type}/${Name}/${id}`, `${alloc.JobID} (${shortId(alloc.ID)})`);
    }
  }
  return Devices.flatMap((device) =>
    device.Instances.map(({ ID, Healthy, HealthDescription }) => {
      const name = `${device.Vendor}/${device.Type}/${device.Name}`;
      const user = users.get(`${name}/${ID}`);
      const ill = Healthy ? "" : HealthDescription || "unhealthy";
      const state = [ill, user].filter((part) => part !== undefined && part !== "").join(", ") || "free";
      return { ...described(device), type: device.Type, id: ID, node: node.Name, state };
    }),
  );
}

function described({ Vendor, Type, Name, Attributes }: NodeDevice): Pick<Row, "device" | "path" | "serialNumber"> {
  const text = (name: string): string => Attributes[name]?.String ?? "";
  return { device: `${Vendor}/${Type}/${Name}`, path: text("path"), serialNumber: text("serial_number") };
}

function print(rows: readonly Row[], wanted: string): readonly string[] {
  if (rows.length === 0) return [wanted === "all" ? "No devices" : `No ${wanted} devices`];
  return columns(
    ["Device", "ID", "Node", "Path", "Serial Number", "State"],
    rows.map(({ device, id, node, path, serialNumber, state }) => [device, id, node, path, serialNumber, state]),
  );
}

/** What this machine's agent would tell of, without one. */
const ofMachine: RunCommand = async (invocation) => {
  const env = createEnv();
  try {
    const source = createSerialSource({ env, ports: createSerialPorts(), options: readSerialOptions({}) });
    const rows = (await source.find()).map(({ vendor, type, name, id, attributes, nodes }) => ({
      device: `${vendor}/${type}/${name}`,
      id,
      node: env.net.hostname(),
      path: nodes[0]?.hostPath ?? "",
      serialNumber: attributes["serial_number"]?.String ?? "",
      state: "",
    }));
    return await show(invocation, rows, () => print(rows, "serial"));
  } finally {
    env.close();
  }
};

export const list: RunCommand = (invocation) =>
  invocation.flags.on("local") ? ofMachine(invocation) : ofCluster(invocation);
