import { createConsulClient } from "#base/client/consul-client.ts";
import { sleep } from "#base/env/clock.ts";
import type { Disk } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import type { Lan } from "#base/env/lan.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import { createDhcp } from "#daemons/dhcp/create-dhcp.ts";
import type { DhcpServer } from "#daemons/dhcp/server/dhcp-server.ts";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { createSharedKv, type SharedKv } from "#daemons/dhcp/share/kv.ts";
import type { ShareTimes } from "#daemons/dhcp/share/share-times.ts";
import { assert } from "#base/env/assert.ts";
import type { Machine } from "../../machine/node.ts";
import { STORE_PORT } from "./store-node.ts";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;
export const WIRE = "lan0";

/** Small enough for the faults to reach every one of them. */
export const TIMES: ShareTimes = { leadMs: 6000, slackMs: 4000, takeoverMs: 25_000, readMs: 1500 };
const SETTINGS: object = {
  leaseTime: "20s",
  declineTime: "10s",
  probe: false,
  subnets: [{ network: "10.9.0.0/27", interface: WIRE, pools: ["10.9.0.10-10.9.0.25"] }],
};

export interface ServerNodeOptions {
  /** Where all clients are. */
  readonly clients: string;
  /** Something between an instance and what it rests on: how the checkers are shown to find mistakes. */
  readonly wrapKv?: (kv: SharedKv) => SharedKv;
  readonly wrapDisk?: (disk: Disk) => Disk;
  readonly times?: ShareTimes;
  readonly settings?: object;
}

/** One instance of the DHCP server, sharing its leases through the store node. */
export async function runServerNode(machine: Machine, options: ServerNodeOptions): Promise<DhcpServer> {
  const wired = onWire(machine);
  const env = { ...wired, disk: options.wrapDisk?.(wired.disk) ?? wired.disk };
  const settings = compileSettings(options.settings ?? SETTINGS);
  assert(settings.ok, "the scenario's settings compile");
  const address = { origin: `http://store:${STORE_PORT}`, socketPath: undefined };
  const consul = createConsulClient({ http: env.http, address, token: "", query: { consistent: true } });
  const kv = createSharedKv(consul, env.clock);
  for (;;) {
    try {
      const server = await createDhcp({
        env,
        lan: simLan(env, options.clients),
        settings: settings.value,
        dir: "/data/dhcp",
        kv: options.wrapKv?.(kv) ?? kv,
        times: options.times ?? TIMES,
      });
      await server.start();
      return server;
    } catch (thrown) {
      env.log.info("the server cannot start now", { error: String(thrown) });
      await sleep(env.clock, 300);
    }
  }
}

/** The machine's address as that of an interface. */
function onWire({ env, address }: Machine): Env {
  const own: InterfaceAddress = {
    name: WIRE,
    address,
    family: 4,
    cidr: `${address}/8`,
    mac: "02:00:00:00:00:01",
    internal: false,
  };
  const { net } = env;
  return {
    ...env,
    net: {
      listen: (at, onStream) => net.listen(at, onStream),
      connect: (to) => net.connect(to),
      bind: (at, onDatagram) => net.bind(at, onDatagram),
      serve: (at, answer, options) => net.serve(at, answer, options),
      dial: (to, handlers) => net.dial(to, handlers),
      interfaces: () => [own],
      hostname: () => net.hostname(),
    },
  };
}

/** A wire on which all clients are one machine. */
function simLan({ net }: Env, clients: string): Lan {
  return {
    async open(at, onDatagram) {
      const socket = await net.bind({ host: "0.0.0.0", port: at.port }, onDatagram);
      return {
        interface: at.interface,
        send: (data) => socket.send(data, { host: clients, port: CLIENT_PORT }),
        sendTo(data) {
          socket.send(data, { host: clients, port: CLIENT_PORT });
          return true;
        },
        whoHas: () => Promise.resolve(undefined),
        close: () => socket.close(),
      };
    },
  };
}
