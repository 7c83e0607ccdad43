import test from "ava";
import fc from "fast-check";
import type { LinkSockets } from "#base/env/link-socket.ts";
import type { Address, InterfaceAddress } from "#base/env/net.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { readMessage } from "#base/protocol/dns/message.ts";
import { CLASS, TYPE } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { findCluster, type Finding } from "#cli/membership/find-cluster.ts";
import { answersTo, readHeard, recordsOf, SERVICE } from "#daemons/mdns/announcement.ts";
import { PORT } from "#daemons/mdns/link.ts";
import { Neighbours } from "#daemons/mdns/neighbours.ts";
import { until } from "../../scenario/agent.ts";

const env = createEnv({ logToStderr: false });
const open: Neighbours[] = [];
test.after.always(async () => {
  for (const each of open) await each.stop();
  env.close();
});

type Hearer = (data: Uint8Array, from: Address) => void;

/** One link: what one machine sends to the group all others get, later. */
class Ether {
  readonly hearers = new Map<string, Hearer>();
  readonly sent: { readonly from: string; readonly to: Address; readonly data: Uint8Array }[] = [];

  sockets(): LinkSockets {
    return {
      open: ({ address }, onDatagram) => {
        this.hearers.set(address, onDatagram);
        return Promise.resolve({
          address: { host: address, port: PORT },
          send: (data, to) => this.deliver({ host: address, port: PORT }, to, data),
          close: () => Promise.resolve(void this.hearers.delete(address)),
        });
      },
    };
  }

  deliver(from: Address, to: Address, data: Uint8Array): void {
    const copy = Uint8Array.from(data);
    this.sent.push({ from: from.host, to, data: copy });
    for (const [address, hear] of this.hearers)
      if (address !== from.host && to.port === PORT) env.clock.soon(() => hear(copy, from));
  }
}

interface Machine {
  readonly address: string;
  readonly host: string;
  readonly text?: Readonly<Record<string, string>>;
  readonly listens?: boolean;
}

function machine(ether: Ether, { address, host, text = {}, listens = false }: Machine): Neighbours {
  const at: InterfaceAddress = { name: "eth0", address, family: 4, cidr: `${address}/24`, mac: "", internal: false };
  const own = { host, port: 4647, text, ttlS: 120 };
  const net = { ...env.net, interfaces: () => [at] };
  const made = new Neighbours({ env: { ...env, net }, sockets: ether.sockets(), own, listens });
  open.push(made);
  return made;
}

test("machines of a link find each other, and hear when one goes", async (t) => {
  const ether = new Ether();
  const server = machine(ether, { address: "10.9.0.1", host: "lares-1", text: { role: "server", cluster: "c" } });
  const fresh = machine(ether, { address: "10.9.0.2", host: "lares-2", text: { state: "new" }, listens: true });
  await Promise.all([server.start(), fresh.start()]);
  await until("the server is heard", () => fresh.list().length === 1);
  t.deepEqual(fresh.list(), [
    { host: "lares-1", addresses: ["10.9.0.1"], port: 4647, text: { role: "server", cluster: "c" } },
  ]);
  await server.stop();
  await until("it is gone", () => fresh.list().length === 0);
});

test("what is said of a machine changes, and a quiet end is not told", async (t) => {
  const ether = new Ether();
  const fresh = machine(ether, { address: "10.9.3.1", host: "lares-1", text: { state: "new" } });
  const other = machine(ether, { address: "10.9.3.2", host: "lares-2", listens: true });
  await Promise.all([fresh.start(), other.start()]);
  await until("it is heard", () => other.list()[0]?.text["state"] === "new");
  fresh.say({ state: "founding" }, 60);
  await until("the change is heard", () => other.list()[0]?.text["state"] === "founding");
  ether.sent.length = 0;
  await fresh.stop({ quietly: true });
  t.false(ether.sent.some(({ from }) => from === "10.9.3.1"));
  t.is(other.list()[0]?.host, "lares-1");
});

test("a machine that founds a cluster is waited for; nobody founds beside it", async (t) => {
  const ether = new Ether();
  const finding = (address: string, nodeId: string): Finding => {
    const at: InterfaceAddress = { name: "eth0", address, family: 4, cidr: `${address}/24`, mac: "", internal: false };
    const net = { ...env.net, interfaces: () => [at] };
    const common = { sockets: ether.sockets(), founds: true, listenMs: 2_000, say: () => {} };
    return { ...common, env: { ...env, net }, nodeId, nodeName: `lares-${nodeId}` };
  };
  let founded = "";
  const first = findCluster(finding("10.9.4.1", "b")).then((found) => {
    if (found.kind === "found") open.push(found.herald);
    founded = found.kind;
  });
  await until("nobody else is there", () => founded !== "");
  await first;
  t.is(founded, "found");
  // Its id is lower: of two that are both new it would be the one to found.
  const enough = new AbortController();
  const late = findCluster({ ...finding("10.9.4.2", "a"), signal: enough.signal });
  let ended = "";
  const over = late.then(
    ({ kind }) => (ended = kind),
    () => (ended = "stopped"),
  );
  const asked = (): number => ether.sent.filter(({ from }) => from === "10.9.4.2").length;
  // It asks every two seconds, and listens for two.
  await until("it listened for long enough", () => asked() > 8, 60_000);
  enough.abort();
  await until("it ended", () => ended !== "");
  await over;
  t.is(ended, "stopped");
});

const mac = "08:00:27:00:00:01";
const NAT: InterfaceAddress = {
  name: "e0",
  address: "10.0.2.15",
  family: 4,
  cidr: "10.0.2.15/24",
  mac,
  internal: false,
};
const PLUGGED: InterfaceAddress = { ...NAT, name: "e1", address: "fe80::1", family: 6, cidr: "fe80::1/64" };
const ADDRESSED: InterfaceAddress = { ...NAT, name: "e1", address: "127.9.5.2", cidr: "127.9.5.2/24" };

test("a machine waits for the address of its second card, and finds the cluster there", async (t) => {
  const ether = new Ether();
  const server = machine(ether, { address: "127.9.5.1", host: "lares-1", text: { role: "server", cluster: "c" } });
  await server.start();
  let cards = [NAT, PLUGGED];
  let said = "";
  const enough = new AbortController();
  const ended = findCluster({
    env: { ...env, net: { ...env.net, interfaces: () => cards } },
    sockets: ether.sockets(),
    nodeId: "b",
    nodeName: "lares-b",
    founds: true,
    listenMs: 4_000,
    say: (line) => (said += line),
    signal: enough.signal,
  }).then(
    ({ kind }) => kind,
    () => "stopped",
  );
  const asked = (): number => ether.sent.filter(({ from }) => from === NAT.address).length;
  await until("it listened for longer than it would on one card", () => asked() >= 6, 60_000);
  cards = [NAT, PLUGGED, ADDRESSED];
  await until("it asks the cluster of the other card", () => said.includes("127.9.5.1:4647"));
  enough.abort();
  t.is(await ended, "stopped", "it founded none meanwhile");
});

test("a card that never gets an address is not waited for without end", async (t) => {
  let founded = "";
  const ended = findCluster({
    env: { ...env, net: { ...env.net, interfaces: () => [NAT, PLUGGED] } },
    sockets: new Ether().sockets(),
    nodeId: "b",
    nodeName: "lares-b",
    founds: true,
    listenMs: 1_000,
    say: () => {},
  }).then((found) => {
    if (found.kind === "found") open.push(found.herald);
    founded = found.kind;
  });
  await until("it gives up", () => founded !== "");
  await ended;
  t.is(founded, "found");
});

test("of two machines with one name one takes another", async (t) => {
  const ether = new Ether();
  const first = machine(ether, { address: "10.9.1.1", host: "lares", listens: true });
  await first.start();
  await until("the name is announced", () =>
    ether.sent.some(({ data }) => (readMessage(data)?.answers.length ?? 0) > 0),
  );
  const second = machine(ether, { address: "10.9.1.2", host: "lares", listens: true });
  await second.start();
  await until("one is called otherwise", () => second.host === "lares-2");
  t.is(first.host, "lares");
  await until("both are heard", () => first.list().some(({ host }) => host === "lares-2"));
});

test("an old resolver is answered itself; foreign links are not heard", async (t) => {
  const ether = new Ether();
  const own = machine(ether, { address: "10.9.2.1", host: "lares-x" });
  await own.start();
  await until("the name is announced", () =>
    ether.sent.some(({ data }) => (readMessage(data)?.answers.length ?? 0) > 0),
  );
  const writer = new MessageWriter();
  writer.start({ id: 7, flags: 0 });
  writer.question({ name: ["lares-X", "local"], type: TYPE.A, class: CLASS.IN });
  const asked = Uint8Array.from(writer.finish());
  ether.sent.length = 0;
  ether.hearers.get("10.9.2.1")?.(asked, { host: "192.168.7.7", port: 40_000 });
  t.is(ether.sent.length, 0, "of another network");
  ether.hearers.get("10.9.2.1")?.(asked, { host: "10.9.2.9", port: 40_000 });
  const reply = ether.sent.find(({ to }) => to.port === 40_000);
  const message = reply && readMessage(reply.data);
  t.is(message?.header.id, 7);
  t.deepEqual(
    message?.answers.map(({ data, ttl }) => [data, ttl]),
    [[{ kind: "A", address: "10.9.2.1" }, 10]],
  );
});

test("what is announced is read again, and other messages are survived", (t) => {
  const records = recordsOf({ host: "a", port: 4647, text: { id: "1" }, ttlS: 120 }, ["10.0.0.1", "fd00::1"]);
  const { answers, additionals } = answersTo({ name: SERVICE, type: TYPE.PTR, class: CLASS.IN }, records);
  const message = { header: NO_HEADER, questions: [], answers, authorities: [], additionals };
  const heard = { host: "a", addresses: ["10.0.0.1", "fd00::1"], port: 4647, text: { id: "1" }, ttlS: 120 };
  t.deepEqual(readHeard(message), [heard]);
  const ether = new Ether();
  const own = machine(ether, { address: "10.9.3.1", host: "lares-y" });
  return own.start().then(() => {
    const hear = ether.hearers.get("10.9.3.1");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const head = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        for (const data of [bytes, Uint8Array.from([...head, ...bytes])])
          hear?.(data, { host: "10.9.3.2", port: PORT });
      }),
    );
  });
});

const NO_HEADER = { id: 0, flags: 0, questions: 0, answers: 0, authorities: 0, additionals: 0 };
