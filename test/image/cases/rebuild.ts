import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { VERSION } from "#cli/version.ts";
import { shows, type Case, type Stage } from "../case.ts";
import { built } from "../workbench.ts";

export const rebuildCases: readonly Case[] = [
  { name: "build anew when packages got fixes, and then no more", run: rebuild },
];

const ROOT = new URL("../../../", import.meta.url).pathname;
/** A flavour of its own, so that the work of `npm run image` stays as it is. */
const FLAVOUR = "rebuilt";
const MadeSchema = v.object({ version: v.string(), files: v.array(v.string()) });

/** By the mirrors' packages of today. */
async function rebuild({ bench, say }: Stage): Promise<void> {
  const recipe = bench.recipe("rebuild-recipe");
  writeFileSync(recipe, readFileSync(recipe, "utf8").replace('flavour "minimal"', `flavour "${FLAVOUR}"`));
  const lock = join(dirname(recipe), `locks/lares-amd64-${FLAVOUR}.lock`);
  renameSync(join(dirname(recipe), "locks/lares-amd64-minimal.lock"), lock);
  const before = readFileSync(lock, "utf8").replace(/^# version .*\n/m, "");
  writeFileSync(lock, before.replace(/^[0-9a-f]{64} {2}curl_.*_/m, `${"0".repeat(64)}  curl_1.0-1_`));
  const build = (): v.InferOutput<typeof MadeSchema> =>
    v.parse(
      MadeSchema,
      JSON.parse(execFileSync(process.execPath, commandOf(recipe, bench), { cwd: ROOT, encoding: "utf8" })),
    );
  try {
    const first = build();
    assert.equal(first.version, `${VERSION}.1`);
    const name = `lares-amd64-${FLAVOUR}-${VERSION}.1`;
    assert.deepEqual(
      first.files.map((file) => file.split("/").at(-1)),
      [`${name}.raucb`, `${name}.packages.txt`, "stable.json"],
    );
    const [bundle = "", packages = "", channel = ""] = first.files;
    const text = readFileSync(lock, "utf8");
    assert.ok(text.startsWith(`# version ${VERSION}.1\n`), text.slice(0, 100));
    const [, curl = ""] = /^[1-9a-f][0-9a-f]{63} {2}curl_(.*)_amd64\.deb$/m.exec(text) ?? assert.fail(text);
    shows(readFileSync(packages, "utf8"), new RegExp(`^curl ${RegExp.escape(curl)}$`, "m"), "its packages");
    shows(readFileSync(channel, "utf8"), new RegExp(`"version": "${RegExp.escape(first.version)}"`), "the channel");
    const release = readFileSync(join(built("amd64", FLAVOUR), "tree/usr/lib/os-release"), "utf8");
    shows(release, new RegExp(`^VERSION_ID=${RegExp.escape(first.version)}$`, "m"), "the system");
    const manifest = new RegExp(`^version=${RegExp.escape(first.version)}$`, "m");
    assert.ok(manifest.test(readFileSync(bundle, "latin1")), "the update is of that version");
    say(`${name} was built, with curl ${curl}`);
    assert.deepEqual(build(), { version: first.version, files: [] });
    assert.equal(readFileSync(lock, "utf8"), text);
    say("nothing is newer, and nothing was built");
  } finally {
    rmSync(built("amd64", FLAVOUR), { recursive: true, force: true });
  }
  return Promise.resolve();
}

function commandOf(recipe: string, { folder, executable }: Stage["bench"]): readonly string[] {
  const made = ["-only", "bundle,packages,channel", "-compression", "1", "-output", join(folder, "rebuilt")];
  return [
    "cli/main.ts",
    "os",
    "build",
    recipe,
    "-if-changed",
    "-json",
    "-flavour",
    FLAVOUR,
    "-executable",
    executable,
    ...made,
  ];
}
