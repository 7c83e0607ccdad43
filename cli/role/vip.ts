import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { openPacketSocket } from "#base/platform/packet-socket.ts";
import { readAddresses } from "#ingress/vip/address.ts";
import { announcementOf } from "#ingress/vip/announcement.ts";
import { VIP_STATUS_PREFIX } from "#ingress/vip/status.ts";
import { startVirtualAddresses } from "#ingress/vip/virtual-addresses.ts";
import { instanceOf } from "./ingress-instance.ts";
import type { Role } from "./role.ts";
import { taskApi } from "./task-api.ts";
import { portOf } from "./task-port.ts";
import { TaskSettings } from "./task-settings.ts";

type Task = Readonly<Record<string, string>>;

const ADVERT_MS = 150;
const HEALTH_MS = 500;
const SERVICE = "lares-vip";

/** Virtual addresses of the ingress beside it, as the task it runs in describes them. */
export async function vipRole(env: Env, task: Task): Promise<Result<Role>> {
  const addresses = readAddresses(task["LARES_VIP_ADDRESSES"] ?? "");
  if (!addresses.ok) return addresses;
  const admin = portOf(task, "admin");
  const dir = task["NOMAD_TASK_DIR"];
  if (admin === undefined || dir === undefined)
    return fail(
      "vip_environment",
      "the role vip found no port labelled admin among its task's ports",
      "put it into the group of the ingress",
    );
  const read = new TaskSettings(task);
  const settings = read.checked({
    mode: read.word("LARES_VIP_MODE", { words: ["vrrp", "lock"], otherwise: "vrrp" }),
    advertMs: read.number("LARES_VIP_ADVERT_MS", { otherwise: ADVERT_MS, most: 40_000 }),
  });
  if (!settings.ok) return settings;
  const { mode, advertMs } = settings.value;
  const program = await env.exec.find("keepalived");
  if (mode === "vrrp" && program === undefined)
    return fail("vip_no_keepalived", "keepalived is not in PATH", "apt-get install keepalived, or LARES_VIP_MODE=lock");
  const self = ownAddresses(env, task["LARES_VIP_SOURCE"] ?? admin.host);
  if (self.length === 0)
    return fail(
      "vip_source",
      `no interface has this node's address ${task["LARES_VIP_SOURCE"] ?? admin.host}`,
      "name one that the other nodes reach in LARES_VIP_SOURCE",
    );
  const { get, consul } = taskApi(env, task);
  const { node, key: instance } = instanceOf(task, env.net.hostname());
  const key = VIP_STATUS_PREFIX + instance;
  const vip = await startVirtualAddresses({
    env,
    get,
    consul,
    node,
    addresses: addresses.value,
    self,
    service: task["LARES_VIP_SERVICE"] ?? SERVICE,
    healthUrl: `http://${admin.host.includes(":") ? `[${admin.host}]` : admin.host}:${admin.port}/health`,
    healthIntervalMs: HEALTH_MS,
    mode,
    keepalived: { program: program ?? "", dir: `${dir}/keepalived`, advertMs },
    announce: (device, address) => announce(env, device, address),
    publish: (status) => write(consul, key, JSON.stringify(status)),
  });
  return succeed({
    stop: async () => {
      await vip.stop();
      await consul.kv.delete(key);
    },
  });
}

async function write(consul: ConsulClient, key: string, text: string): Promise<void> {
  const written = await consul.kv.put(key, text);
  if (!written.ok) throw new Error(written.error.message);
}

/** The address others reach this node at, first, and one of the other family on the same device. */
function ownAddresses(env: Env, address: string): readonly string[] {
  const interfaces = env.net.interfaces();
  const first = interfaces.find((one) => one.address === address);
  if (first === undefined) return [];
  const other = interfaces.find(
    (one) => one.name === first.name && one.family !== first.family && !one.address.startsWith("fe80:"),
  );
  return [first.address, ...(other === undefined ? [] : [other.address])];
}

async function announce(env: Env, device: string, address: string): Promise<void> {
  const mac = env.net.interfaces().find((one) => one.name === device)?.mac ?? "";
  const frame = announcementOf(address, mac);
  const socket = frame === undefined ? undefined : await openPacketSocket(device, 0);
  if (frame === undefined || socket === undefined) throw new Error(`no frames can be sent on ${device}`);
  socket.send(frame);
  socket.close();
}
