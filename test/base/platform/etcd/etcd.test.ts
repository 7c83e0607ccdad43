import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createSecureServer } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import fc from "fast-check";
import { systemClock } from "#base/platform/clock.ts";
import { createEtcdClient } from "#base/platform/etcd/etcd-client.ts";
import { frame, Unframer } from "#base/platform/etcd/grpc-frames.ts";
import { decodeRange, decodeTxn } from "#base/platform/etcd/kv-messages.ts";
import { decodeStatus } from "#base/platform/etcd/maintenance-messages.ts";
import { ProtoError, ProtoReader, ProtoWriter } from "#base/platform/etcd/protobuf.ts";
import { readResponse } from "#base/platform/etcd/watch-stream.ts";
import { conformance } from "#base/state/conformance/conformance.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import type { EtcdTls } from "#base/platform/etcd/grpc-connection.ts";
import { Certificates } from "./certificates.ts";
import { startEtcd } from "./start-etcd.ts";

let sessions = 0;
const open = (endpoints: readonly string[], writer = "test", more: { giveUpMs?: number } = {}) =>
  openEtcdStore({
    api: createEtcdClient({ endpoints }),
    clock: systemClock,
    writer,
    session: `${++sessions}`,
    ...more,
  });

for (const { name, run } of conformance) {
  test.serial(`etcd: ${name}`, async (t) => {
    const etcd = await startEtcd();
    try {
      const store = await open(etcd.endpoints);
      try {
        await run(store);
        t.pass();
      } finally {
        await store.close();
      }
    } finally {
      await etcd.stop();
    }
  });
}

const put = (key: string, value: string) => ({ op: "put" as const, key, value });

test.serial("etcd: members are killed in turn, and every write happens once, told as it was", async (t) => {
  const etcd = await startEtcd(3);
  try {
    const [first = "", second = "", third = ""] = etcd.endpoints;
    const store = await open([first, second, third], "one");
    const follower = await open([second, third, first], "two");
    const seen: number[] = [];
    const byKey = new Map<string, number>();
    follower.watch({
      prefix: "n/",
      fromRevision: 1,
      onRevision({ revision, changes }) {
        seen.push(revision);
        for (const change of changes) {
          if (change.kind !== "put") continue;
          const { key, version } = change.record;
          t.is(version, (byKey.get(key) ?? 0) + 1, "a change was left out");
          byKey.set(key, version);
        }
      },
      onEnd: ({ kind }) => t.is(kind, "closed"),
    });
    let isOver = false;
    const counters = Array.from({ length: 24 }, async (_, i) => {
      let version = 0;
      while (!isOver) {
        const isNext = { key: `n/${i}`, target: "version", op: "=", operand: version } as const;
        const compare = i % 2 === 0 ? [isNext] : [];
        const result = await store.txn({ compare, then: [put(`n/${i}`, `${version}`)] });
        version += 1;
        const [answer] = result.responses;
        t.true(result.ok, "somebody else wrote it: a write was carried out twice");
        t.is(answer?.op === "put" ? answer.record.version : 0, version);
      }
      return version;
    });
    for (const member of etcd.members) {
      const before = store.status().revision;
      member.kill("SIGKILL");
      await until(() => store.status().revision > before + 20);
      await member.restart();
    }
    isOver = true;
    const versions = await Promise.all(counters);
    const { records } = await follower.range({ prefix: "n/" });
    t.deepEqual(
      Object.fromEntries(records.map(({ key, version }) => [key, version])),
      Object.fromEntries(versions.map((version, i) => [`n/${i}`, version])),
    );
    await until(() => versions.every((version, i) => byKey.get(`n/${i}`) === version));
    t.deepEqual(
      seen,
      [...new Set(seen)].toSorted((a, b) => a - b),
    );
    await Promise.all([store.close(), follower.close()]);
  } finally {
    await etcd.stop();
  }
});

test.serial("etcd: no member answers, and calls say so once one would have", async (t) => {
  const etcd = await startEtcd();
  const store = await open(etcd.endpoints, "test", { giveUpMs: 300 });
  await etcd.stop();
  // Timers of the clock keep no process alive.
  const alive = setInterval(() => {}, 1000);
  const failed = await t.throwsAsync(store.txn({ then: [put("a", "1")] }));
  t.like(failed, { name: "StoreError", code: "unavailable" });
  t.regex(failed?.message ?? "", /may or may not/);
  await store.close();
  const refused = await t.throwsAsync(open(etcd.endpoints, "test", { giveUpMs: 300 }));
  t.like(refused, { code: "unavailable" });
  clearInterval(alive);
});

test.serial("etcd: certificates prove both sides, and what is wrong with one is told", async (t) => {
  const [ours, foreign] = [new Certificates(), new Certificates()];
  t.teardown(() => [ours, foreign].forEach((each) => each.remove()));
  // It ended the moment it was made: no flag of old versions of OpenSSL takes dates.
  ours.sign("ended", { dates: ["-days", "-1"] });
  ours.sign("elsewhere", { names: "DNS:etcd.example" });
  const { ca, cert, key } = ours.tls();
  const etcd = await startEtcd(1, ours);
  const answer = async (endpoint: string, tls: EtcdTls, giveUpMs = 1000): Promise<string> => {
    const api = createEtcdClient({ endpoints: [endpoint], tls });
    const opened = openEtcdStore({ api, clock: systemClock, writer: "tls", session: "1", giveUpMs });
    return opened.then(
      async (store) => {
        const { revision } = await store.txn({ then: [put("a", `${Math.random()}`)] });
        await store.close();
        return `revision ${revision}`;
      },
      (thrown: unknown) => String(thrown),
    );
  };
  const [endpoint = ""] = etcd.endpoints;
  try {
    t.is(await answer(endpoint, { ca, cert, key }, 30_000), "revision 1");
    t.regex(
      await answer(endpoint, { ca: foreign.tls().ca, cert, key }),
      /signed by none of the authorities in ca_file/,
    );
    t.regex(await answer(endpoint, { ca, ...foreignOf(foreign) }), /refuses the certificate in cert_file/);
    t.regex(await answer(endpoint, { ca }), /refuses the certificate in cert_file, or wants one/);
    const { cert: ended, key: endedKey } = ours.tls("ended");
    t.regex(await answer(endpoint, { ca, cert: ended, key: endedKey }), /refuses the certificate in cert_file/);
    t.regex(await answer(endpoint, { ca, cert, key, serverName: "etcd.example" }), /for other names: server_name/);
    const clear = await startEtcd();
    const [plain = ""] = clear.endpoints;
    t.regex(await answer(plain.replace("http:", "https:"), { ca, cert, key }), /does it speak TLS|does not speak TLS/);
    await clear.stop();
  } finally {
    await etcd.stop();
  }
  for (const [name, says] of [
    ["ended", /its certificate has ended/],
    ["elsewhere", /for other names: server_name/],
  ] as const) {
    const server = createSecureServer(ours.tls(name)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    t.regex(await answer(`https://127.0.0.1:${port}`, { ca, cert, key }), says);
    server.close();
  }
});

function foreignOf(foreign: Certificates): Pick<EtcdTls, "cert" | "key"> {
  const { cert, key } = foreign.tls();
  return { cert, key };
}

test("protobuf: numbers and texts come back, and no bytes are too odd to be read", (t) => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.string({ unit: "binary" }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (n, text, id) => {
        const bytes = new ProtoWriter(1)
          .uint(1, n)
          .text(2, text)
          .uint64(3, id)
          .message(4, (inner) => inner.text(1, text));
        const reader = new ProtoReader(bytes.finish());
        const read: unknown[] = [];
        for (let field = reader.next(); field !== 0; field = reader.next()) {
          if (field === 1) read.push(reader.uint());
          else if (field === 2) read.push(reader.text());
          else if (field === 3) read.push(reader.uint64());
          else {
            const inner = reader.message();
            read.push(inner.next() === 0 ? "" : inner.text());
          }
        }
        t.deepEqual(read, [...(n === 0 ? [] : [n]), ...(text === "" ? [] : [text]), ...(id === 0n ? [] : [id]), text]);
      },
    ),
  );
  const decoders = [decodeRange, decodeTxn, readResponse, decodeStatus];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...decoders), (bytes, decode) => {
      try {
        decode(Buffer.from(bytes));
      } catch (thrown) {
        t.true(thrown instanceof ProtoError || thrown instanceof TypeError, `${String(thrown)}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test("grpc: messages are whole however their bytes arrive", (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.integer({ min: 1, max: 50 }), (messages, size) => {
      const all = Buffer.concat(messages.map((message) => frame(message)));
      const unframer = new Unframer();
      const read: Buffer[] = [];
      for (let at = 0; at < all.length; at += size) read.push(...unframer.push(all.subarray(at, at + size)));
      t.deepEqual(
        read.map((message) => [...message]),
        messages.map((message) => [...message]),
      );
    }),
  );
  t.throws(() => new Unframer().push(Buffer.from("HTTP/1.1 400 Bad Request")), { instanceOf: RangeError });
});

async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    if (looks > 3000) throw new Error("waited in vain");
    await delay(20);
  }
}
