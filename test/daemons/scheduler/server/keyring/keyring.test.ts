import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { makeRsaKey } from "#base/platform/rsa-key.ts";
import type { RootKey } from "#base/protocol/keyring.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { rootKeys } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { Keyring, type KeyringDeps } from "#daemons/scheduler/server/keyring/keyring.ts";
import { wrappingKeyPath } from "#daemons/scheduler/server/keyring/wrapping-key.ts";
import { FakeClock } from "../../../../base/http/fake-clock.ts";
import { until } from "../cluster.ts";

const HOUR_NS = 3600e9;

async function keyringOf(t: ExecutionContext, deps: Partial<KeyringDeps> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "lares-keyring-"));
  const clock = new FakeClock();
  const env = { ...createEnv({ logToStderr: false }), clock };
  const store = new MemoryStore();
  const view = await followView(store, [rootKeys]);
  const all = { env, store, view, folder, ...deps };
  const keyring = new Keyring(all);
  t.teardown(async () => {
    keyring.stop();
    view.close();
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { keyring, deps: all, clock, folder, states: () => keyring.list().map(({ value }) => value.State) };
}

test("what is sealed opens again, in its place only, and not after a change", async (t) => {
  const { keyring } = await keyringOf(t);
  await keyring.start();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.nat(), (plain, context, at) => {
      const sealed = keyring.encrypt(plain, context);
      const opened = keyring.decrypt(sealed, context);
      if (!opened.ok || Buffer.compare(opened.value, plain) !== 0) return false;
      const bytes = Buffer.from(sealed.Data, "base64");
      bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ 1, at % bytes.length);
      const changed = keyring.decrypt({ ...sealed, Data: bytes.toString("base64") }, context);
      return !changed.ok && !keyring.decrypt(sealed, `${context}!`).ok;
    }),
    { numRuns: 50 },
  );
  t.false(keyring.decrypt({ KeyID: "other", Data: "" }, "").ok);
  t.false(keyring.decrypt({ ...keyring.encrypt(utf8("a"), ""), Data: "" }, "").ok);
});

test("the key that wraps all others is in a file of its owner, and nothing of it in the state", async (t) => {
  const { keyring, deps, folder } = await keyringOf(t);
  await keyring.start();
  const sealed = keyring.encrypt(utf8("secret"), "here");
  const path = wrappingKeyPath(folder);
  t.is((await stat(path)).mode & 0o777, 0o600);
  const again = new Keyring(deps);
  await chmod(path, 0o644);
  await again.start();
  t.teardown(() => again.stop());
  t.is((await stat(path)).mode & 0o777, 0o600, "others are shut out again");
  const opened = again.decrypt(sealed, "here");
  t.is(opened.ok ? textOf(opened.value) : "", "secret");
  const state = await deps.store.range({ prefix: "" });
  const written = state.records.map(({ value }) => value).join("\n");
  t.false(written.includes((await readFile(path, "utf8")).trim()));
  await rm(path);
  await t.throwsAsync(new Keyring(deps).start(), { message: /is missing, but the state holds keys/ });
  const stranger = await keyringOf(t, { store: deps.store, view: deps.view });
  await t.throwsAsync(stranger.keyring.start(), { code: "keyring" });
});

test("a rotation keeps old keys readable; a full one moves everything to the new", async (t) => {
  const { keyring, states } = await keyringOf(t);
  await keyring.start();
  let held = keyring.encrypt(utf8("v"), "one");
  keyring.register({
    name: "variables",
    uses: (key) => key.KeyID === held.KeyID,
    rekey: (keyId) => {
      const opened = keyring.decrypt(held, "one");
      if (held.KeyID === keyId && opened.ok) held = keyring.encrypt(opened.value, "one");
      return Promise.resolve();
    },
  });
  const first = held.KeyID;
  const second = await keyring.rotate({});
  t.true(second.ok && second.value.value.State === "active");
  t.deepEqual(states().toSorted(), ["active", "inactive"]);
  t.true(keyring.decrypt(held, "one").ok);
  const refused = await keyring.remove(first, false);
  t.false(refused.ok);
  t.regex(refused.ok ? "" : refused.error.message, /in use by variables/);
  const active = await keyring.remove(keyring.active().row.KeyID, true);
  t.false(active.ok);
  t.true((await keyring.rotate({ full: true })).ok);
  await until(() => states().filter((state) => state === "deprecated").length === 2);
  t.is(held.KeyID, keyring.active().row.KeyID);
  t.true((await keyring.remove(first, false)).ok);
  t.false((await keyring.remove(first, false)).ok);
  t.false((await keyring.rotate({ full: true, publishNs: 5 })).ok);
});

test("time publishes, replaces and forgets keys", async (t) => {
  const { keyring, clock, states } = await keyringOf(t, { ages: { rotateNs: 10 * HOUR_NS, keepNs: HOUR_NS } });
  await keyring.start();
  await keyring.review();
  t.deepEqual(states(), ["active"], "nothing is due");
  clock.advance(6 * 3600_000);
  await keyring.review();
  t.deepEqual(states().toSorted(), ["active", "prepublished"], "its successor is published at half its age");
  await keyring.review();
  t.is(states().length, 2);
  clock.advance(4 * 3600_000);
  await keyring.review();
  t.deepEqual(states().toSorted(), ["active", "inactive"]);
  clock.advance(2 * 3600_000);
  await keyring.review();
  t.false(states().includes("inactive"), "the old one is gone, as nothing used it");
});

test("the first key signs with Ed25519 at once, and with RSA when that key is made", async (t) => {
  const { keyring, deps } = await keyringOf(t, { makeRsaKey });
  await keyring.start();
  await keyring.settled();
  t.is(keyring.active().material.rsa?.asymmetricKeyType, "rsa");
  t.is(keyring.active().material.ed25519.asymmetricKeyType, "ed25519");
  const sealed = keyring.encrypt(utf8("x"), "");
  const again = new Keyring(deps);
  await again.start();
  t.teardown(() => again.stop());
  t.true(again.decrypt(sealed, "").ok);
  t.true(again.list().every(({ value }: { value: RootKey }) => value.State === "active"));
});
