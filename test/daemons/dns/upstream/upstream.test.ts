import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import test from "ava";
import dns2 from "dns2";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { freePort } from "#test/free-ports.ts";
import { QUERY_STATUS } from "#daemons/dns/query-record.ts";
import { Deadline, Deadlines } from "#daemons/dns/upstream/deadlines.ts";
import { readServerAddress } from "#daemons/dns/upstream/server-address.ts";
import { readReply } from "#daemons/dns/upstream/reply-reader.ts";
import {
  a,
  addressesOf,
  cname,
  dig,
  questionPacket,
  rcodeOf,
  replyTo,
  soa,
  startUpstream,
  startWorld,
} from "../world.ts";
import { certificate } from "../certificate.ts";
import { startValidator } from "../validator.ts";

const long = (name: string) => ({
  answers: Array.from({ length: 200 }, (_, n) => a(name, `10.0.${n >> 8}.${n & 255}`)),
});

test("answers that were not asked for are not believed", async (t) => {
  const lies: Readonly<Record<string, (question: Uint8Array) => readonly Uint8Array[]>> = {
    "id.example": (question) => {
      const reply = replyTo(question, { answers: [a("id.example", "6.6.6.6")] });
      reply[0] = (reply[0] ?? 0) ^ 1;
      return [reply];
    },
    "case.example": (question) => {
      const lower = Buffer.from(question).toString("latin1").toLowerCase();
      return [replyTo(Buffer.from(lower, "latin1"), { answers: [a("case.example", "6.6.6.6")] })];
    },
    "other.example": (question) => [replyTo(question, { answers: [a("bank.example", "6.6.6.6")] })],
    "beside.example": (question) => [
      replyTo(question, { answers: [a("beside.example", "6.6.6.6"), a("bank.example", "6.6.6.6")] }),
    ],
    "query.example": (question) => [question],
  };
  const liar = await startUpstream(t, (name) => lies[name] ?? { answers: [a(name, "203.0.113.1")] });
  const honest = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.2")] }));
  const upstream = { servers: [liar.address, honest.address], mode: "failover" };
  const world = await startWorld(t, { settings: { upstream } });
  for (const name of Object.keys(lies)) t.deepEqual(addressesOf(await world.ask(name)), ["203.0.113.2"], name);
  t.regex(addressesOf(await world.ask("bank.example")).join(), /^203\.0\.113\.[12]$/);
  const zone = await startUpstream(t, (name) => ({
    answers: [],
    authorities: [soa(name === "low.example" ? "com" : "example")],
  }));
  await world.change({ upstream: { servers: [zone.address] } });
  t.is((await world.ask("low.example")).authorities.length, 0);
  t.is((await world.ask("right.example")).authorities.length, 1);
});

test("a dead server costs no answer: others are asked, in every mode", async (t) => {
  const silent = await startUpstream(t, () => undefined);
  const refusing = await startUpstream(t, () => ({ rcode: 5 }));
  const good = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.3")] }));
  const gone = await startUpstream(t, () => undefined);
  await gone.close();
  const servers = [silent.address, gone.address, refusing.address, good.address];
  const world = await startWorld(t, { settings: { upstream: { servers } } });
  for (const mode of ["fastest", "failover", "parallel"]) {
    await world.change({ upstream: { servers, mode } });
    t.deepEqual(addressesOf(await world.ask(`${mode}.example`)), ["203.0.113.3"]);
  }
  await world.change({ upstream: { servers: [refusing.address] } });
  t.is(rcodeOf(await world.ask("nobody.example")), 5);
  await world.change({ upstream: { servers: [silent.address], timeoutMs: 300 } });
  t.is(rcodeOf(await world.ask("silence.example")), 2);
  t.is(world.records.at(-1)?.status, QUERY_STATUS.failed);
});

test("what was known serves when nobody answers, and is fetched before its end", async (t) => {
  let isDown = false;
  let nowMs = 1_000_000;
  const upstream = await startUpstream(t, (name) => (isDown ? undefined : { answers: [a(name, "203.0.113.4", 100)] }));
  const system = createEnv({ logToStderr: false });
  const clock = { ...system.clock, monotonicMs: () => system.clock.monotonicMs() + nowMs };
  const settings = { upstream: { servers: [upstream.address], timeoutMs: 3000 } };
  const world = await startWorld(t, { settings, env: { clock } });
  const quiet = async (): Promise<void> => {
    while (world.dns.status().waiting > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await world.ask("www.example");
  nowMs += 95_000;
  t.true((await world.ask("www.example")).answers.every(({ ttl }) => ttl <= 5));
  // The fetch ahead of the end took place behind that answer.
  await quiet();
  t.true(upstream.asked.length >= 2);
  isDown = true;
  nowMs += 200_000;
  const stale = await dig(world.port, "www.example");
  t.regex(stale, /www\.example\.\s+30\s+IN\s+A\s+203\.0\.113\.4/);
  t.regex(stale, /EDE: 3 \(Stale Answer\)/);
  t.is(world.records.at(-1)?.status, QUERY_STATUS.stale);
  isDown = false;
  await quiet();
  // Past the life of an answer that came late, after all.
  nowMs += 160_000;
  t.deepEqual(addressesOf(await world.ask("www.example")), ["203.0.113.4"]);
  t.is(world.records.at(-1)?.status, QUERY_STATUS.forwarded);
});

test("domains, networks and clients have servers of their own; answers of one are not another's", async (t) => {
  const server = (address: string) => startUpstream(t, (name) => ({ answers: [a(name, address)] }));
  const [house, corp, own] = [await server("203.0.113.10"), await server("203.0.113.11"), await server("203.0.113.12")];
  const reverse = await startUpstream(t, (name) => ({
    answers: [{ name: name.split("."), class: 1, ttl: 9, data: { kind: "PTR", target: ["printer", "corp"] } }],
  }));
  const settings = {
    upstream: { servers: [house.address] },
    conditional: [
      { match: "corp.example", servers: [corp.address] },
      { match: "192.168.8.0/22", servers: [reverse.address] },
    ],
  };
  const world = await startWorld(t, { settings });
  t.deepEqual(addressesOf(await world.ask("www.example")), ["203.0.113.10"]);
  t.deepEqual(addressesOf(await world.ask("www.corp.example")), ["203.0.113.11"]);
  t.is((await dig(world.port, "+short", "-x", "192.168.11.7")).trim(), "printer.corp.");
  t.is(rcodeOf(await world.ask("7.12.168.192.in-addr.arpa", 12)), 3);
  await world.change({ clients: [{ id: 1, match: "127.0.0.1", servers: [own.address] }] });
  t.deepEqual(addressesOf(await world.ask("www.example")), ["203.0.113.12"]);
});

test("long answers come over TCP, from servers and to clients", async (t) => {
  const upstream = await startUpstream(t, (name, _type, transport) =>
    transport === "udp" ? { flags: 0x0200 } : long(name),
  );
  const world = await startWorld(t, { settings: { upstream: { servers: [upstream.address] } } });
  const cut = await world.ask("long.example");
  t.is(cut.header.flags & 0x0200, 0x0200);
  t.is(cut.answers.length, 0);
  t.is((await dig(world.port, "+short", "long.example")).trim().split("\n").length, 200);
  t.is(
    (await dig(world.port, "+short", "+tcp", "+keepopen", "long.example", "long.example")).trim().split("\n").length,
    400,
  );
  t.true(world.records.some(({ transport }) => transport === "tcp"));
  const aliased = await startUpstream(t, (name) => ({
    answers: [cname(name, "b.example"), a("b.example", "203.0.113.5")],
  }));
  await world.change({ upstream: { servers: [`tcp://${aliased.address}`] } });
  t.deepEqual(addressesOf(await world.ask("a.example")), ["203.0.113.5"]);
});

test("TLS and HTTPS, as a server and as a client of one", async (t) => {
  const { certFile, keyFile } = await certificate(t);
  const plain = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.6")] }));
  const listen = {
    addresses: [`127.0.0.1:${await freePort()}`],
    tls: ["127.0.0.1:0"],
    https: ["127.0.0.1:0"],
    certFile,
    keyFile,
  };
  const server = await startWorld(t, { settings: { listen, upstream: { servers: [plain.address] } } });
  const [dot, doh] = [server.dns.addresses("dot")[0]?.port ?? 0, server.dns.addresses("doh")[0]?.port ?? 0];
  const world = await startWorld(t);
  const through = async (address: string, name: string): Promise<readonly string[]> => {
    await world.change({ upstream: { servers: [address], caFile: certFile } });
    return addressesOf(await world.ask(name));
  };
  t.deepEqual(await through(`tls://127.0.0.1:${dot}`, "one.example"), ["203.0.113.6"]);
  t.deepEqual(await through(`tls://dns.test@127.0.0.1:${dot}`, "two.example"), ["203.0.113.6"]);
  t.deepEqual(await through(`https://dns.test@127.0.0.1:${doh}/dns-query`, "three.example"), ["203.0.113.6"]);
  t.deepEqual(await through(`tls://wrong.test@127.0.0.1:${dot}`, "four.example"), []);
  t.deepEqual([...new Set(server.records.map(({ transport }) => transport))], ["dot", "doh"]);
  const digDot = await dig(dot, "+tls", "+short", "five.example");
  t.is(digDot.trim(), "203.0.113.6");
  const env = createEnv({ logToStderr: false });
  const dns = Buffer.from(questionPacket("six.example", 1)).toString("base64url");
  const tls = { ca: await readFile(certFile, "utf8"), serverName: "dns.test" };
  const get = (path: string) => env.http.request({ url: `https://127.0.0.1:${doh}${path}`, tls });
  const good = await get(`/dns-query?dns=${dns}`);
  t.is(good.status, 200);
  t.is(good.headers["cache-control"], "max-age=300");
  t.true((await good.bytes()).length > 40);
  t.deepEqual(
    await Promise.all(["/dns-query", "/dns-query?dns=!", "/"].map(async (path) => (await get(path)).status)),
    [400, 400, 404],
  );
  env.close();
});

test("in 1970 no certificate is valid yet: the bootstrap servers answer, until the clock is set", async (t) => {
  const bootstrap = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.70")] }));
  const { certFile, keyFile } = await certificate(t);
  const plain = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.26")] }));
  const listen = { addresses: [`127.0.0.1:${await freePort()}`], tls: ["127.0.0.1:0"], certFile, keyFile };
  const server = await startWorld(t, { settings: { listen, upstream: { servers: [plain.address] } } });
  const servers = [`tls://dns.test@127.0.0.1:${server.dns.addresses("dot")[0]?.port ?? 0}`];
  const system = createEnv({ logToStderr: false });
  t.teardown(() => system.close());
  let isSet = false;
  const clock = { ...system.clock, nowMs: () => (isSet ? system.clock.nowMs() : 600_000) };
  const upstream = { servers, bootstrap: [bootstrap.address], caFile: certFile };
  const world = await startWorld(t, { settings: { upstream }, env: { clock } });
  t.deepEqual(addressesOf(await world.ask("pool.ntp.example")), ["203.0.113.70"]);
  isSet = true;
  t.deepEqual(addressesOf(await world.ask("www.example")), ["203.0.113.26"]);
  // One that answers late is asked once more.
  t.deepEqual([...new Set(bootstrap.asked.map((each) => each.toLowerCase()))], ["pool.ntp.example 1"]);
});

test("another implementation's clients are answered", async (t) => {
  const upstream = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.9")] }));
  const world = await startWorld(t, { settings: { upstream: { servers: [upstream.address] } } });
  for (const transport of ["udp", "tcp"] as const) {
    const client =
      transport === "udp"
        ? dns2.UDPClient({ dns: "127.0.0.1", port: world.port })
        : dns2.TCPClient({ dns: "127.0.0.1", port: world.port });
    const response: { answers: { address?: string }[] } = await client(`${transport}.example`, "A");
    t.deepEqual(
      response.answers.map(({ address }) => address),
      ["203.0.113.9"],
    );
  }
  const { stdout } = await promisify(execFile)("drill", ["-p", String(world.port), "@127.0.0.1", "drill.example"]);
  t.regex(stdout, /drill\.example\.\s+300\s+IN\s+A\s+203\.0\.113\.9/);
});

test("a validating server's findings reach clients: signed, forged, and not looked at", async (t) => {
  const validator = await startValidator(t);
  const upstream = { servers: [`127.0.0.1:${validator.port}`], dnssec: "validate" };
  const world = await startWorld(t, { settings: { upstream } });
  const good = await dig(world.port, "+dnssec", "www.signed.test");
  t.regex(good, /status: NOERROR/);
  t.regex(good, /flags: qr rd ra ad;/);
  t.regex(good, /www\.signed\.test\.\s+\d+\s+IN\s+A\s+192\.0\.2\.1/);
  t.regex(good, /IN\s+RRSIG\s+A /);
  t.notRegex(await dig(world.port, "+noad", "www.signed.test"), /flags:[^;]* ad[ ;]/, "nobody asked whether");
  const forged = await dig(world.port, "forged.signed.test");
  t.regex(forged, /status: SERVFAIL/);
  t.regex(forged, /EDE: (6|7|9|10)/, "why: bogus, or a part of it");
  t.notRegex(forged, /192\.0\.2\.66/);
  const unchecked = await dig(world.port, "+cd", "forged.signed.test");
  t.regex(unchecked, /192\.0\.2\.66/, "who validates by himself gets it");
  t.regex(await dig(world.port, "+dnssec", "none.signed.test"), /status: NXDOMAIN[^]*flags: qr rd ra ad;/);
  await world.change({ upstream: { ...upstream, dnssec: "pass" } });
  t.notRegex(await dig(world.port, "+dnssec", "www.signed.test"), /flags:[^;]* ad[ ;]/);
});

test("deadlines come once, never early and at most a step late; those called off never", (t) => {
  class Noted extends Deadline {
    readonly calledMs: number[] = [];
    override onDue(nowMs: number): void {
      this.calledMs.push(nowMs);
    }
  }
  fc.assert(
    fc.property(
      fc.array(fc.record({ dueMs: fc.nat(20_000), isOff: fc.boolean(), again: fc.nat(9000) }), { maxLength: 40 }),
      fc.integer({ min: 0, max: 1_000_000 }),
      (wishes, startMs) => {
        const timers: (() => void)[] = [];
        const clock = {
          now: startMs,
          monotonicMs: () => clock.now,
          after: (_: number, fire: () => void) => later(fire),
        };
        const later = (fire: () => void) => {
          timers.push(fire);
          return { cancel() {} };
        };
        const deadlines = new Deadlines(clock);
        const all = wishes.map(({ dueMs, again }) => {
          const noted = new Noted();
          deadlines.set(noted, startMs + again);
          deadlines.set(noted, startMs + dueMs);
          return noted;
        });
        for (const [at, { isOff }] of wishes.entries()) if (isOff) deadlines.cancel(all[at] ?? new Noted());
        for (let steps = 0; timers.length > 0 && steps < 500; steps++) {
          clock.now += 50;
          t.true(timers.length <= 1, "one timer at a time");
          timers.shift()?.();
        }
        t.is(timers.length, 0, "no timer when nothing waits");
        for (const [at, { dueMs, isOff }] of wishes.entries()) {
          const calls = all[at]?.calledMs ?? [];
          t.is(calls.length, isOff ? 0 : 1);
          for (const calledMs of calls) t.true(calledMs >= startMs + dueMs && calledMs <= startMs + dueMs + 100);
        }
      },
    ),
  );
});

test("an answer changed anywhere is an answer or none, and never something else", (t) => {
  const question = {
    name: Buffer.from("\u0003www\u0007example\0", "latin1"),
    type: 1,
    class: 1,
    dnssecOk: false,
    checkingDisabled: false,
    wantsAuthentic: false,
  };
  const packet = questionPacket("www.example", 1);
  const reply = replyTo(packet, {
    answers: [cname("www.example", "b.example"), a("b.example", "203.0.113.5")],
    authorities: [soa("example")],
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(reply.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.nat(reply.length),
      (changes, cut) => {
        const changed = reply.slice(0, changes.length === 0 ? cut : reply.length);
        for (const [at, byte] of changes) changed[at] = byte;
        const read = readReply(changed, question);
        if (read === undefined) return;
        t.true(read.bytes.length <= changed.length || changed.length < 29);
        t.true([...read.ttlAt].every((at) => at + 4 <= read.bytes.length));
      },
    ),
    { numRuns: Number(process.env["FUZZ_ROUNDS"] ?? 5000) },
  );
});

test("addresses of servers are read in the forms people write", (t) => {
  const read = (text: string) => {
    const address = readServerAddress(text);
    return address.ok
      ? [address.value.protocol, address.value.host, address.value.port, address.value.serverName]
      : address.error.code;
  };
  t.deepEqual(read("9.9.9.9"), ["udp", "9.9.9.9", 53, ""]);
  t.deepEqual(read("9.9.9.9#5353"), ["udp", "9.9.9.9", 5353, ""]);
  t.deepEqual(read("2620:fe::fe"), ["udp", "2620:fe::fe", 53, ""]);
  t.deepEqual(read("[2620:fe::fe]:5353"), ["udp", "2620:fe::fe", 5353, ""]);
  t.deepEqual(read("tls://dns.quad9.net"), ["tls", "dns.quad9.net", 853, ""]);
  t.deepEqual(read("tls://dns.quad9.net@9.9.9.9"), ["tls", "9.9.9.9", 853, "dns.quad9.net"]);
  t.deepEqual(read("https://dns.quad9.net/dns-query"), ["https", "dns.quad9.net", 443, ""]);
  for (const wrong of ["", "dns.quad9.net", "9.9.9.9:99999", "ftp://9.9.9.9", "[::1"])
    t.is(read(wrong), "dns_upstream", wrong);
});
