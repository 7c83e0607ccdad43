import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { bundleModule, laresRecipe } from "#scripts/build/bundle.ts";
import { debianKernel } from "../daemons/router/guest/debian-kernel.ts";
import { runInGuest } from "../daemons/router/guest/guest.ts";
import { tryCloudInit } from "./cloud-init.ts";
import { tryMachinePack } from "./machine-pack.ts";
import { tryMachines } from "./machines.ts";

/** Emulated, on a machine that has other things to do. */
const LONGEST_MS = 1_600_000;
const NFS = "nfsd nfsv4 nfs".split(" ");
/** The ciphers it asks for by name, since nothing in the guest loads modules. */
const SMB = "cifs nls_utf8 cmac md5 sha256_generic sha512_generic aes_generic ccm gcm ghash_generic ecb hmac ctr".split(
  " ",
);

test.serial("volumes on real servers of NFS and SMB, under Debian's kernel", async (t) => {
  t.timeout(LONGEST_MS);
  const folder = mkdtempSync(join(tmpdir(), "lares-guests-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  // One file: a guest that is emulated takes minutes to read all of them.
  const program = join(folder, "lares.mjs");
  writeFileSync(program, (await bundleModule(laresRecipe())).code);
  const script = join(folder, "run.sh");
  const here = join(sourceRoot(), "test/guests/shares.sh");
  writeFileSync(script, `export NODE=${process.execPath} LARES=${program}\nexec sh ${here}\n`);
  const onLine = (line: string): void => t.log(line.trimEnd());
  const lines = await runInGuest(debianKernel([...NFS, ...SMB]), script, { onLine, memoryMB: 2048 });
  t.true(lines.includes("ALL HELD"), lines.join("\n"));
});

test.serial("the pack `vm` by an agent that dies at every step", async (t) => {
  t.timeout(LONGEST_MS);
  if (process.arch !== "x64") t.log("its disk starts PCs only");
  else await tryMachinePack((what) => t.log(what));
  t.pass();
});

test.serial("guests of another processor, by UEFI, and with a screen", async (t) => {
  t.timeout(LONGEST_MS);
  await tryMachines((what) => t.log(what));
  t.pass();
});

test.serial("a Debian that cloud-init sets up by its job", async (t) => {
  t.timeout(LONGEST_MS);
  await tryCloudInit((what) => t.log(what));
  t.pass();
});
