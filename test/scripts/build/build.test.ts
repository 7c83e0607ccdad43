import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { bundleExecutableMain, bundleModule, laresRecipe } from "#scripts/build/bundle.ts";
import { buildDeb, debContents } from "#scripts/build/deb.ts";
import { buildExecutable } from "#scripts/build/executable.ts";
import { keepEnglishData } from "#scripts/build/icu-data.ts";
import { emulate, findNode } from "#scripts/build/node-binary.ts";
import { thirdPartyNotices } from "#scripts/build/notices.ts";
import { hashInputs, makeOnce, writeOutput } from "#scripts/build/output.ts";
import { architectures, root } from "#scripts/build/place.ts";
import { sourceRevision } from "#scripts/build/revision.ts";
import { stripExecutable } from "#scripts/build/strip.ts";

const run = promisify(execFile);
const temp = mkdtempSync(`${tmpdir()}/lares-build-test-`);
test.after.always(() => rmSync(temp, { recursive: true, force: true }));

const probe = {
  entry: "test/scripts/build/fixtures/probe.ts",
  workers: ["test/scripts/build/fixtures/echo-worker.ts"],
};
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** What the probe must say in every shape; stack frames below `probe.ts` are the runtime's own. */
async function checkProbe(t: ExecutionContext, command: readonly string[], shape: string): Promise<void> {
  const [program = "", ...first] = command;
  const ask = async (...args: string[]) => (await run(program, [...first, ...args])).stdout.trim();
  t.is(await ask("shape"), shape);
  t.regex(
    await ask("stack"),
    /^RangeError: planted\nwith a second line\n {4}at inner \(test\/scripts\/build\/fixtures\/probe\.ts:\d+:\d+\)\n {4}at outer \(test/,
  );
  const inner = /inner \(test\/scripts\/build\/fixtures\/probe\.ts:\d+:\d+\)/;
  t.regex(await ask("logged"), inner);
  await t.throwsAsync(ask("uncaught"), { message: inner });
  t.is(await ask("worker", "hello"), 'echo hello {"two":2}');
  t.regex(
    await ask("worker", "crash"),
    /^TypeError: planted in the worker\n {4}at failInWorker \(test\/.*echo-worker\.ts:\d+:\d+\)/,
  );
  t.regex(await ask("serial"), /cannot open \/dev\/absent/, "the native binding answers");
  t.is(await ask("asset", "base/absent"), "undefined");
  t.regex(await ask("asset", "cli/setup/install-packages.sh"), /^#!\/bin\/sh\n/);
  t.true((await ask("list", "cli/setup/")).split("\n").includes("cli/setup/install-packages.sh"));
}

test("lares.mjs has the same bytes each time, and nothing of this machine in it", async (t) => {
  const [one, two] = [await bundleModule(laresRecipe()), await bundleModule(laresRecipe())];
  t.is(sha256(one.code), sha256(two.code));
  t.is(sha256(one.map), sha256(two.map));
  const text = Buffer.from(one.code).toString();
  t.false(text.includes(root));
  t.false(Buffer.from(one.map).toString().includes(root));
  t.regex(text, /\/\/# sourceMappingURL=lares\.mjs\.map\n$/);
  t.true(one.assets.has("native/serialport-x64.node") && one.assets.has("native/serialport-arm64.node"));
  writeOutput(`${temp}/lares.mjs`, one.code, 0o755);
  writeOutput(`${temp}/lares.mjs.map`, one.map);
  const { stdout } = await run(process.execPath, [`${temp}/lares.mjs`, "version"]);
  t.true(stdout.includes(packageJson.version), stdout);
  const said = await run(process.execPath, [`${temp}/lares.mjs`, "version", "-json"]);
  t.is(JSON.parse(said.stdout).revision, sourceRevision(root));
});

test("a revision is the commit of the very folder, and says that files differ from it", (t) => {
  const folder = `${temp}/repository`;
  mkdirSync(`${folder}/within`, { recursive: true });
  const git = (...words: readonly string[]) =>
    execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org", ...words], {
      encoding: "utf8",
    }).trim();
  t.is(sourceRevision(folder), "", "no repository");
  git("init", "-q");
  t.is(sourceRevision(folder), "", "no commit yet");
  writeFileSync(`${folder}/file`, "one");
  git("add", "file");
  git("commit", "-q", "-m", "one");
  git("tag", "-a", "-m", "v1", "v1");
  const commit = git("rev-parse", "HEAD");
  t.regex(commit, /^[0-9a-f]{40}$/);
  t.is(sourceRevision(folder), commit);
  t.is(sourceRevision(`${folder}/within`), "", "a repository further up is another's");
  writeFileSync(`${folder}/new`, "not tracked");
  t.is(sourceRevision(folder), commit);
  writeFileSync(`${folder}/file`, "two");
  t.is(sourceRevision(folder), `${commit}-dirty`);
});

test("lares.mjs says what it needs when an older Node runs it", async (t) => {
  const { code } = await bundleModule(probe);
  // The oldest runtime at hand is this one; the check only reads the version.
  const asOld = Buffer.from(code).toString().replace("process.versions.node", '"20.20.2"');
  writeOutput(`${temp}/old/lares.mjs`, asOld);
  await t.throwsAsync(run(process.execPath, [`${temp}/old/lares.mjs`]), { code: 1, message: /needs Node 26 or later/ });
});

test("the bundle finds its files, worker, binding and sources", async (t) => {
  const { code, map } = await bundleModule(probe);
  writeOutput(`${temp}/probe/lares.mjs`, code, 0o755);
  writeOutput(`${temp}/probe/lares.mjs.map`, map);
  // The map is named after the file it was built as; another name must not break the program, only the mapping.
  await run(process.execPath, [`${temp}/probe/lares.mjs`, "stack"]);
  await checkProbe(t, [process.execPath, `${temp}/probe/lares.mjs`], "bundle");
  rmSync(`${temp}/probe/lares.mjs.map`);
  const { stdout } = await run(process.execPath, [`${temp}/probe/lares.mjs`, "stack"]);
  t.regex(stdout, /at inner \(file:.*lares\.mjs:\d+:\d+\)/, "a map left behind costs only the mapping");
});

for (const architecture of architectures) {
  test(`an executable for ${architecture} finds its files, worker, binding and sources`, async (t) => {
    const path = `${temp}/probe-${architecture}`;
    const program = await bundleExecutableMain(probe);
    t.is(await buildExecutable(path, { architecture, program, codeCache: false }), "made");
    t.is(await buildExecutable(path, { architecture, program, codeCache: false }), "kept");
    await checkProbe(t, [...emulate(architecture), path], "executable");
  });
}

test("a program whose text would take two bytes a character is refused", async (t) => {
  const entry = "test/scripts/build/fixtures/wide-text.ts";
  await t.throwsAsync(bundleExecutableMain({ entry, workers: [] }), { message: /as \\u escapes: .*\/\u00ff\u0100\// });
});

test("the notices name every package inside, with its licence, and Node", async (t) => {
  const { metafile } = await bundleModule(probe);
  const notices = await thirdPartyNotices([metafile]);
  for (const name of ["@serialport/bindings-cpp", "serialport", "valibot", "Node.js 26.10.0"]) {
    t.regex(notices, new RegExp(`^${name.replaceAll("/", "\\/")}`, "m"));
  }
  t.false(notices.includes("esbuild "), "tools are not inside");
  t.false(/carries no licence text/.test(notices), notices.match(/.*carries no licence text.*/)?.[0]);
});

test("stripping keeps a program running and refuses what is no program", async (t) => {
  const whole = readFileSync(await findNode("x64"));
  const stripped = stripExecutable(whole);
  t.true(stripped.length < whole.length * 0.9);
  writeFileSync(`${temp}/stripped`, stripped, { mode: 0o755 });
  if (process.arch === "x64") t.is(execFileSync(`${temp}/stripped`, ["-p", "6 * 7"], { encoding: "utf8" }), "42\n");
  t.true(stripExecutable(stripped).equals(stripped), "nothing is left to strip");
  t.throws(() => stripExecutable(Buffer.from("#!/bin/sh\n")), { message: /not a 64-bit little-endian ELF/ });
});

/** Whatever the program asks of Intl and its kin; prints one line. */
const SPOKEN = String.raw`
  const zones = Intl.supportedValuesOf("timeZone").map((timeZone) =>
    new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(1.79e12));
  const graphemes = Array.from(new Intl.Segmenter("en").segment("a👨‍👩‍👧e\u0301한국किंต้น"), (each) => each.segment);
  const sorted = ["ä", "a", "Z", "z", "ñ", "n", "10", "9"].sort((a, b) => a.localeCompare(b));
  const letters = ["İıIi".toLowerCase(), "straße".toUpperCase(), "e\u0301ﬁ".normalize("NFKC"), /\p{Script=Greek}/u.test("α")];
  const decoded = ["utf-8", "utf-16le", "windows-1252", "koi8-r"].map((name) => new TextDecoder(name).decode(Buffer.from([0x41, 0xc3, 0xa4, 0x42])));
  const said = [(1234.5).toLocaleString("en"), new Date(1.8e12).toLocaleString("en-US"), new URL("http://bücher.example/").href];
  console.log(JSON.stringify([zones, graphemes, sorted, letters, decoded, said]));
`;

for (const architecture of architectures) {
  test(`a runtime for ${architecture} that speaks English alone says the same as one that speaks all languages`, async (t) => {
    const whole = stripExecutable(readFileSync(await findNode(architecture)));
    const small = keepEnglishData(whole);
    t.is(small.length, whole.length);
    const zeros = (bytes: Uint8Array) => bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
    t.true(zeros(small) - zeros(whole) > 20_000_000);
    writeFileSync(`${temp}/english-${architecture}`, small, { mode: 0o755 });
    const env = { ...process.env, LANG: "de_DE.UTF-8", TZ: "Europe/Berlin" };
    const says = async ([program = "", ...first]: readonly string[], text: string) =>
      (await run(program, [...first, "-e", text], { env })).stdout;
    const english = [...emulate(architecture), `${temp}/english-${architecture}`];
    t.is(await says(english, SPOKEN), await says([process.execPath], SPOKEN));
    const number = "console.log((1234.5).toLocaleString('de'))";
    t.is(await says([process.execPath], number), "1.234,5\n");
    t.is(await says(english, number), "1,234.5\n");
  });
}

test("what holds no language data is refused", (t) => {
  t.throws(() => keepEnglishData(Buffer.from("#!/bin/sh\n")), { message: /none of ICU/ });
});

test("an output is made again exactly when its inputs change, and never seen half written", async (t) => {
  const path = `${temp}/once/output`;
  const make = (text: string) => (partial: string) => Promise.resolve(writeFileSync(partial, text));
  t.is(await makeOnce(path, "1", make("one")), "made");
  t.is(await makeOnce(path, "1", make("never")), "kept");
  t.is(await makeOnce(path, "2", make("two")), "made");
  await t.throwsAsync(makeOnce(path, "3", () => Promise.reject(new Error("disk full"))));
  t.is(readFileSync(path, "utf8"), "two");
  t.is(await makeOnce(path, "2", make("never")), "kept");
});

test("different inputs have different hashes, wherever one ends and the next begins", (t) => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
      t.is(hashInputs(a) === hashInputs(b), JSON.stringify(a) === JSON.stringify(b));
    }),
  );
  t.not(hashInputs(["ab", "c"]), hashInputs(["a", "bc"]));
});

test("the .deb installs, keeps an edited configuration, and purges to nothing", async (t) => {
  const executable = `${temp}/deb/lares`;
  writeOutput(executable, "#!/bin/sh\necho lares\n", 0o755);
  const debOptions = { architecture: "x64", contents: debContents(executable, "notices"), compression: 1 } as const;
  const deb = `${temp}/deb/lares.deb`;
  await buildDeb(deb, debOptions);
  const again = `${temp}/deb/again.deb`;
  await buildDeb(again, debOptions);
  t.is(sha256(readFileSync(deb)), sha256(readFileSync(again)), "same files, same package");
  const field = async (name: string) => (await run("dpkg-deb", ["--field", deb, name])).stdout.trim();
  t.is(await field("Version"), packageJson.version);
  t.is(await field("Architecture"), "amd64");
  t.regex(await field("Depends"), /libatomic1.*libc6 \(>= 2\.28\)/);

  const target = `${temp}/deb/root`;
  for (const folder of ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/lares/data"]) {
    mkdirSync(`${target}/${folder}`, { recursive: true });
  }
  for (const file of ["status", "available"]) writeFileSync(`${target}/var/lib/dpkg/${file}`, "");
  // The real dpkg on a root of its own; maintainer scripts run outside it and are told where it is.
  const options = [
    `--root=${target}`,
    "--force-script-chrootless",
    "--force-depends",
    "--force-not-root",
    "--force-architecture",
    `--log=${target}/log`,
  ];
  const dpkg = (...args: string[]) =>
    run("dpkg", [...options, ...args], { env: { ...process.env, DPKG_FORCE: "confold" } });
  await dpkg("--install", deb);
  t.is((await run(`${target}/usr/bin/lares`)).stdout, "lares\n");
  const unit = readFileSync(`${target}/usr/lib/systemd/system/lares.service`, "utf8");
  // Each of these gives the agent mounts that nobody else sees, or binds its tasks; ProtectClock takes /dev/kvm and /dev/net/tun away.
  t.deepEqual(unit.match(/^(?:Protect|Private|Restrict|Device|ReadOnly|Inaccessible|NoNew|SystemCall)\w*=.*/gm), null);
  t.false(existsSync(`${target}/etc/systemd/system/multi-user.target.wants/lares.service`), "nothing starts by itself");

  t.regex(readFileSync(`${target}/usr/share/bash-completion/completions/lares`, "utf8"), /complete .*lares/);
  const config = `${target}/etc/lares/lares.hcl`;
  const read = readAgentConfig({ files: [{ name: config, text: readFileSync(config, "utf8") }] });
  t.true(read.ok, "the agent accepts what the package brings");
  if (read.ok) {
    t.like(read.config, { dataDir: "/var/lib/lares", bindAddress: "127.0.0.1" });
    t.true(read.config.server.enabled && read.config.client.enabled);
  }
  writeFileSync(config, `${readFileSync(config, "utf8")}# edited\n`);
  await dpkg("--install", deb);
  t.regex(readFileSync(config, "utf8"), /# edited\n$/, "an upgrade keeps what the user wrote");
  await dpkg("--remove", "lares");
  t.false(existsSync(`${target}/usr/bin/lares`));
  t.true(existsSync(config), "removal keeps configuration and data");
  t.true(existsSync(`${target}/var/lib/lares/data`));
  await dpkg("--purge", "lares");
  const left = execFileSync(
    "find",
    [
      target,
      "-path",
      `${target}/var/lib/dpkg`,
      "-prune",
      "-o",
      "-type",
      "f",
      "-print",
      "-o",
      "-name",
      "lares",
      "-print",
    ],
    { encoding: "utf8" },
  );
  t.deepEqual(
    left.split("\n").filter((line) => line !== "" && line !== `${target}/log`),
    [],
  );
});
