import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import test from "ava";
import fc from "fast-check";
import { compareVersions, parseVersion } from "#base/language/version.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { imagerEntry } from "#os-image/firmware/build/imager-entry.ts";
import { aloneInWork, toolsTree } from "#os-image/firmware/build/build.ts";
import { builtAt } from "#os-image/firmware/build/built-at.ts";
import { makeBmap } from "#os-image/firmware/build/bmap.ts";
import { manifestOf } from "#os-image/firmware/build/bundle.ts";
import { packCpio } from "#os-image/firmware/build/cpio.ts";
import { partitionsOf } from "#os-image/firmware/build/disk.ts";
import { guidOf, SECTOR, writeGpt } from "#os-image/firmware/build/gpt.ts";
import { grubEnvironment } from "#os-image/firmware/build/grub.ts";
import {
  changedPackages,
  keepLock,
  lockedVersion,
  lockPath,
  takePackages,
  type CacheOptions,
} from "#os-image/firmware/build/lock.ts";
import { missingLibraries, neededBy } from "#os-image/firmware/build/linked.ts";
import { keptModules, namedModules, parseDependencies } from "#os-image/firmware/build/kernel-modules.ts";
import { hasOutputs } from "#os-image/firmware/build/outputs.ts";
import { postProcess } from "#os-image/firmware/build/post-process.ts";
import { raisedLock, versionOf } from "#os-image/firmware/build/revision.ts";
import { uBootScript } from "#os-image/firmware/build/u-boot.ts";
import { writeSpdx } from "#os-image/firmware/build/spdx.ts";
import { mergedLayer, osRelease, packageList } from "#os-image/firmware/build/tree.ts";
import { arrangeUnits } from "#os-image/firmware/build/units.ts";
import { lintBuild } from "#os-image/firmware/recipe/lint.ts";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import type { Build } from "#os-image/firmware/recipe/recipe.ts";
import { DebianArchive } from "../debian-archive.ts";
import { build, read, recipe, root } from "./own-recipe.ts";

test("every target and flavour of the recipe is read, lint finds nothing, and a lock names its packages", (t) => {
  const { targets, flavours } = build().system;
  for (const target of targets)
    for (const flavour of flavours) {
      const found = readBuild(recipe, read(), { target: target.name, flavour: flavour.name });
      t.true(found.ok, JSON.stringify(found));
      if (!found.ok) continue;
      t.deepEqual(lintBuild(found.value), []);
      const told = manifestOf(found.value, "1.2.3");
      t.regex(
        told,
        new RegExp(`^compatible=lares-${target.name}$[^]*^\\[meta\\.lares\\]\nflavour=${flavour.name}$`, "m"),
      );
      const lock = readFileSync(lockPath(found.value), "utf8");
      for (const name of mergedLayer(found.value).packages)
        t.regex(
          lock,
          new RegExp(`^[0-9a-f]{64}  ${RegExp.escape(name.replace(/\/.*/, ""))}_`, "m"),
          `${target.name} ${flavour.name}`,
        );
    }
});

test("mistakes in the recipe are told with their place", (t) => {
  const wrong = readBuild(
    recipe,
    read({ "lares.os.hcl": (text) => text.replace('flavour "docker"', 'flavor "docker"') }),
    {
      target: "amd64",
      flavour: "minimal",
    },
  );
  t.false(wrong.ok);
  if (!wrong.ok) t.regex(wrong.error.message, /lares\.os\.hcl:\d+[\s\S]*flavor[\s\S]*flavour/);
  const absent = readBuild(recipe, read(), { target: "sparc", flavour: "minimal" });
  t.false(absent.ok);
  if (!absent.ok) t.regex(absent.error.hint ?? "", /amd64/);
  const tiny = readBuild(recipe, read({ "lares.os.hcl": (text) => text.replace("slot   = 512", "slot = 5") }), {
    target: "amd64",
    flavour: "minimal",
  });
  t.false(tiny.ok);
});

test("post-processors follow each other, each with what the one before made", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-post-"));
  const env = createEnv({ logLevel: "error" });
  const blocks = (text: string): Build =>
    build("minimal", {
      "lares.os.hcl": (whole) => whole.replace(/disk \{\n {4}boot/, (found) => `${text}\n  ${found}`),
    });
  const chain = `post_processor "double" {\n command = ["sh", "-c", "cat {file} {file} > {file}.two"]\n adds = ".two"\n only = ["raw"]\n }
    post_processor "count" {\n command = ["sh", "-c", "wc -c < {file} > {file}.n"]\n adds = ".n"\n }
    post_processor "look" {\n command = ["test", "-s", "{file}"]\n }`;
  try {
    const path = join(folder, "a");
    writeFileSync(path, "12345");
    const known = { exec: env.exec, folder, onProgress: () => undefined };
    t.deepEqual(lintBuild(blocks(chain)), []);
    const made = await postProcess({ kind: "raw", path }, { ...known, build: blocks(chain) });
    t.deepEqual(made, { ok: true, value: [`${path}.two`, `${path}.two.n`] });
    t.is(readFileSync(`${path}.two.n`, "utf8").trim(), "10");
    const other = await postProcess({ kind: "bundle", path }, { ...known, build: blocks(chain) });
    t.deepEqual(other, { ok: true, value: [`${path}.n`] });
    const failing = blocks('post_processor "no" {\n command = ["sh", "-c", "echo broken {file} >&2; exit 4"]\n }');
    const failed = await postProcess({ kind: "raw", path }, { ...known, build: failing });
    t.regex(failed.ok ? "" : failed.error.message, /"no" ended with 4 .*broken/s);
    const wrong = blocks('post_processor "x" {\n command = ["true"]\n only = ["floppy"]\n adds = "zst"\n }');
    t.is(lintBuild(wrong).filter(({ code }) => code === "os_post_processor").length, 3);
  } finally {
    env.close();
    rmSync(folder, { recursive: true });
  }
});

test("a partition table has both its copies, and their sums are right", (t) => {
  const sectors = 3_000_000;
  const partitions = partitionsOf(build().disk);
  const { head, tail } = writeGpt(partitions, sectors, { seed: "seed" });
  t.is(head.length, 34 * SECTOR);
  t.is(tail.length, 33 * SECTOR);
  const primary = Buffer.from(head.subarray(SECTOR, SECTOR + 92));
  const backup = Buffer.from(tail.subarray(tail.length - SECTOR, tail.length - SECTOR + 92));
  for (const header of [primary, backup]) {
    const sum = header.readUInt32LE(16);
    header.writeUInt32LE(0, 16);
    t.is(crc32(header), sum);
    t.is(header.readUInt32LE(88), crc32(head.subarray(2 * SECTOR)));
  }
  const protective = Buffer.from(head.subarray(446, 462));
  t.deepEqual(
    [protective[0], protective[4], protective.readUInt32LE(8), protective.readUInt32LE(12)],
    [0x80, 0xee, 1, 0xffffffff],
    "active, and good for a disk of any length",
  );
  t.is(primary.readBigUInt64LE(32), BigInt(sectors - 1));
  t.is(backup.readBigUInt64LE(72), BigInt(sectors - 33));
  const ends = partitions.map((each) => each.last);
  t.true(
    partitions.every((each, at) => at === 0 || each.first === (ends[at - 1] ?? 0) + 1),
    "without holes",
  );
  t.regex(guidOf("x"), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.deepEqual(writeGpt(partitions, sectors, { seed: "seed" }), { head, tail });
});

test("the first loader of a Raspberry Pi 3 finds its partition, and others the table of the new kind", (t) => {
  const partitions = partitionsOf(build("minimal", {}, "rpi").disk);
  const fat = partitions[1];
  if (fat === undefined) throw new Error("no boot partition");
  const mbr = Buffer.from(writeGpt(partitions, 3_000_000, { seed: "seed", fat }).head.subarray(0, SECTOR));
  t.deepEqual([mbr[450], mbr.readUInt32LE(454), mbr.readUInt32LE(458)], [0x0c, fat.first, fat.last - fat.first + 1]);
  t.deepEqual([mbr[466], mbr.readUInt32LE(470)], [0xee, 1]);
  t.is(mbr.readUInt16LE(510), 0xaa55);
});

test("a script for U-Boot has the sums it looks at", (t) => {
  const bytes = Buffer.from(uBootScript("echo hello\n", 1000));
  t.is(bytes.readUInt32BE(0), 0x27051956);
  t.is(bytes.readUInt32BE(12), bytes.length - 64);
  t.is(bytes.readUInt32BE(24), crc32(bytes.subarray(64)));
  const sum = bytes.readUInt32BE(4);
  bytes.writeUInt32BE(0, 4);
  t.is(crc32(bytes.subarray(0, 64)), sum);
  t.is(bytes.subarray(72).toString(), "echo hello\n");
  t.is(bytes.readUInt32BE(64), 11);
});

test("the archive the kernel unpacks is read by others", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-cpio-"));
  try {
    const entries = [
      { path: "init", mode: 0o100755, data: Buffer.from("#!/bin/sh\n") },
      { path: "lib/modules/a.ko", mode: 0o100644, data: Buffer.alloc(1001, 7) },
    ];
    const bytes = packCpio(entries, 1000);
    t.deepEqual(bytes, packCpio(entries.toReversed(), 1000), "in any order");
    writeFileSync(join(folder, "a.cpio"), bytes);
    execFileSync("bsdtar", ["-xf", join(folder, "a.cpio"), "-C", folder]);
    t.deepEqual(readFileSync(join(folder, "lib/modules/a.ko")), Buffer.alloc(1001, 7));
    t.is(readFileSync(join(folder, "init"), "utf8"), "#!/bin/sh\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a block map names what is not zero, with hashes", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-bmap-"));
  try {
    const image = Buffer.alloc(4096 * 10 + 5);
    image.fill(1, 4096 * 2, 4096 * 4);
    image.fill(2, 4096 * 10);
    writeFileSync(join(folder, "disk"), image);
    const text = await makeBmap(join(folder, "disk"));
    const hash = (from: number, to?: number): string =>
      createHash("sha256").update(image.subarray(from, to)).digest("hex");
    t.true(text.includes(`<Range chksum="${hash(8192, 16_384)}"> 2-3 </Range>`));
    t.true(text.includes(`<Range chksum="${hash(40_960)}"> 10 </Range>`));
    const own = /<BmapFileChecksum> ([0-9a-f]{64})/.exec(text)?.[1] ?? "";
    t.is(
      createHash("sha256")
        .update(text.replace(own, "0".repeat(64)))
        .digest("hex"),
      own,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("kernel modules come with what they need", (t) => {
  const known = parseDependencies(
    "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz kernel/lib/crc16.ko.xz\nkernel/fs/jbd2/jbd2.ko.xz:\nkernel/lib/crc16.ko.xz:\nkernel/drivers/x.ko.xz:\n",
  );
  t.deepEqual([...keptModules(known, ["kernel/fs/ext4"])].toSorted(), [
    "kernel/fs/ext4/ext4.ko.xz",
    "kernel/fs/jbd2/jbd2.ko.xz",
    "kernel/lib/crc16.ko.xz",
  ]);
  t.deepEqual([...keptModules(known, ["kernel/drivers/x.ko"])], ["kernel/drivers/x.ko.xz"]);
  t.deepEqual(namedModules(known, ["ext4", "built-in"]), [
    "kernel/lib/crc16.ko.xz",
    "kernel/fs/jbd2/jbd2.ko.xz",
    "kernel/fs/ext4/ext4.ko.xz",
  ]);
});

test("units are enabled as their [Install] says, and masked", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-units-"));
  try {
    mkdirSync(join(folder, "usr/lib/systemd/system"), { recursive: true });
    writeFileSync(
      join(folder, "usr/lib/systemd/system/lares.service"),
      "[Install]\nWantedBy=multi-user.target x.target\n",
    );
    const agent = {
      ...build().roles[0],
      name: "a",
      packages: [],
      without: [],
      directories: [],
      files: [],
      links: [],
      users: [],
      provisioners: [],
    };
    const role = {
      ...agent,
      run: [],
      remove: [],
      enable: ["lares.service"],
      mask: ["y.service"],
      default: "multi-user.target",
      modules: [],
      initrd: [],
      busybox: [],
    };
    t.true((await arrangeUnits(folder, [role])).ok);
    const link = (path: string): string => readlinkSync(join(folder, "etc/systemd/system", path));
    t.is(link("multi-user.target.wants/lares.service"), "/usr/lib/systemd/system/lares.service");
    t.is(link("x.target.wants/lares.service"), "/usr/lib/systemd/system/lares.service");
    t.is(link("y.service"), "/dev/null");
    t.is(link("default.target"), "/usr/lib/systemd/system/multi-user.target");
    const absent = await arrangeUnits(folder, [{ ...role, enable: ["gone.service"] }]);
    t.false(absent.ok);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the merged layer, its name and its list of packages say what is in the image", (t) => {
  const layer = mergedLayer(build("docker"));
  t.true(layer.packages.includes("docker.io") && layer.packages.includes("linux-image-amd64"));
  t.regex(osRelease(build("docker"), "1.2.3"), /^VERSION_ID=1\.2\.3$/m);
  t.is(grubEnvironment({ A_OK: "1" }).length, 1024);
  const files = [{ name: "libc6", version: "2.41-12", path: "/x", sha256: "ab" }];
  t.is(packageList(files), "libc6 2.41-12\n");
  t.regex(writeSpdx("lares", files, "2026-01-01T00:00:00Z"), /pkg:deb\/debian\/libc6@2\.41-12/);
});

test("the scripts of the first stages are shell", (t) => {
  for (const name of [
    "init.sh",
    "install.sh",
    "first-stage.sh",
    "data-disk.sh",
    "leave.sh",
    "links.sh",
    "await-network.sh",
    "dhcpcd-hook.sh",
    "ring.sh",
  ]) {
    t.notThrows(() => execFileSync("sh", ["-n", `${root}os-image/firmware/files/${name}`], { stdio: "pipe" }), name);
  }
});

test("a slot that does not start is followed by the other, and then by a new start", (t) => {
  const config = readFileSync(`${root}os-image/firmware/files/grub.cfg`, "utf8");
  const entries = [...config.matchAll(/^menuentry .* --id (\S+)/gm)].map((found) => found[1]);
  const fallbacks = [...config.matchAll(/"\$other" = "(A|B)" \]; then set fallback="(\d) (\d)"/g)];
  t.deepEqual(
    fallbacks.map(([, other = "", first = "", second = ""]) => [
      other,
      entries[Number(first)],
      entries[Number(second)],
    ]),
    [
      ["A", "A", "again"],
      ["B", "B", "again"],
    ],
  );
  t.is(entries[Number(/^set fallback="(\d)"/m.exec(config)?.[1])], "again");
});

test("builds in one cache take turns", async (t) => {
  const cacheDir = mkdtempSync(join(tmpdir(), "lares-cache-"));
  const env = createEnv({ logLevel: "error" });
  try {
    const options = { exec: env.exec, cacheDir };
    const tiny = build();
    const file = { path: "/made", source: undefined, content: "once", mode: 0o644, uid: 0, gid: 0 };
    const tools = {
      ...mergedLayer(tiny),
      packages: [],
      without: [],
      files: [file],
      run: [],
      provisioners: [],
      remove: [],
    };
    const trees = await Promise.all([1, 2, 3].map(() => toolsTree({ ...tiny, tools }, options)));
    const [first] = trees.map((each) => (each.ok ? each.value : JSON.stringify(each)));
    t.deepEqual(
      trees,
      [1, 2, 3].map(() => ({ ok: true, value: first })),
    );
    const running: string[] = [];
    const alone = (flavour: string): Promise<unknown> =>
      aloneInWork(build(flavour), options, async () => {
        t.false(running.includes(flavour));
        running.push(flavour);
        // A turn of the other flavour goes on meanwhile, and one of the same does not.
        await toolsTree({ ...tiny, tools }, options);
        running.splice(running.indexOf(flavour), 1);
        return { ok: true, value: undefined };
      });
    await Promise.all([alone("minimal"), alone("minimal"), alone("docker")]);
    t.deepEqual(running, []);
  } finally {
    env.close();
    rmSync(cacheDir, { recursive: true });
  }
});

test("what programs are linked to has to be in the tree", async (t) => {
  const tree = mkdtempSync(join(tmpdir(), "lares-linked-"));
  try {
    const said = execFileSync("readelf", ["-d", "/bin/ls"], { encoding: "utf8" });
    const needed = [...said.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = ""]) => name);
    const ls = readFileSync("/bin/ls");
    t.true(needed.length > 0);
    t.deepEqual(neededBy(ls), needed);
    mkdirSync(join(tree, "usr/bin"), { recursive: true });
    writeFileSync(join(tree, "usr/bin/ls"), ls);
    writeFileSync(join(tree, "usr/bin/script"), "#!/bin/sh\n");
    for (const name of needed.slice(1)) symlinkSync("elsewhere", join(tree, name));
    t.deepEqual(await missingLibraries(tree), [`${needed[0]}, for /usr/bin/ls`]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 4096 }), fc.nat({ max: 255 }))),
        fc.nat({ max: 4096 }),
        (changes, end) => {
          const damaged = Buffer.from(ls.subarray(0, end));
          for (const [at, byte] of changes) if (at < end) damaged[at] = byte;
          neededBy(damaged);
        },
      ),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => neededBy(Buffer.from(bytes)).length === 0));
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test("packages that got fixes make a version of their own, which a lock keeps once its build is through", async (t) => {
  t.timeout(120_000);
  const archive = await DebianArchive.open(t);
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => env.close());
  const folder = join(archive.folder, "recipe");
  const options: CacheOptions = { exec: env.exec, cacheDir: join(archive.folder, "cache") };
  const tiny = smallBuild(folder, archive);
  const take = async (updateLock: boolean, lares = "0.1.0") => {
    const taken = await takePackages(tiny, { ...options, lares, updateLock });
    if (!taken.ok) throw new Error(taken.error.message);
    return taken.value;
  };
  const changed = async () => {
    const found = await changedPackages(tiny, options);
    return found.ok ? found.value.map((line) => line.replaceAll(/ \([0-9a-f]{8}\)/g, "")) : found.error.message;
  };
  archive.publish({ kernel: "6.12-1", tool: "1:1.0-1" });
  t.deepEqual(await changed(), ["kernel not there -> 6.12-1", "tool not there -> 1:1.0-1"], "there is no lock yet");
  const first = await take(false);
  t.like(first, { version: "0.1.0", lock: archive.lock });
  t.deepEqual(
    first.packages.map(({ name, version }) => `${name} ${version}`),
    ["kernel 6.12-1", "tool 1:1.0-1"],
  );
  await keepLock(tiny, first.lock);
  t.deepEqual(await changed(), []);
  t.deepEqual(await take(true), first, "what is no newer changes nothing");

  archive.publish({ kernel: "6.12-1", tool: "1:1.0-1+deb13u1" });
  t.deepEqual(await changed(), ["tool 1:1.0-1 -> 1:1.0-1+deb13u1"]);
  t.deepEqual(await take(false), first, "a build from the lock is what it was");
  const second = await take(true);
  t.like(second, { version: "0.1.0.1", lock: `# version 0.1.0.1\n${archive.lock}` });
  t.is((await changed()).length, 1, "a build that fails leaves the lock as it was: they are news still");
  t.deepEqual(await take(true), second);
  await keepLock(tiny, second.lock);
  t.deepEqual(await changed(), []);
  t.deepEqual(await take(false), second, "the version is in the lock");

  archive.publish({ kernel: "6.12-2", tool: "1:1.0-1+deb13u1" });
  const third = await take(true);
  t.is(third.version, "0.1.0.2");
  await keepLock(tiny, third.lock);
  t.is((await take(false, "0.2.0")).version, "0.2.0", "another Lares begins anew");
  t.deepEqual(await lockedVersion(tiny, "0.2.0"), { ok: true, value: "0.2.0" });
  archive.publish({ kernel: "6.12-3", tool: "1:1.0-1+deb13u1" });
  t.is((await take(true, "0.2.0")).version, "0.2.0.1");

  writeFileSync(lockPath(tiny), "# version one\n");
  for (const updateLock of [false, true])
    t.regex(
      JSON.stringify(await takePackages(tiny, { ...options, lares: "0.1.0", updateLock })),
      /the version in the lock is \\"one\\".*expected a line \\"# version 0\.1\.0\.1\\"/,
    );
});

/** Of a kernel and a tool. */
function smallBuild(folder: string, { source }: DebianArchive): Build {
  const target =
    'target "pc" {\n  architecture = "amd64"\n  kernel = "kernel"\n  bootloader = "grub"\n  executable = "lares"\n  roles = ["base"]\n}\n';
  const files: Readonly<Record<string, string>> = {
    "x.os.hcl": `system "x" {\n  tools = "tools"\n  disk {\n    boot = 64\n    kernel = 48\n    slot = 512\n  }\n  flavour "minimal" {}\n${target}${source}}\n`,
    "roles/base.role.hcl": 'role "base" {\n  packages = ["tool"]\n}\n',
    "roles/tools.layer.hcl": 'layer "tools" {}\n',
  };
  const found = readBuild(join(folder, "x.os.hcl"), (path) => files[path.slice(folder.length + 1)], {
    target: "pc",
    flavour: "minimal",
  });
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

test("however often packages change, each version is newer than the one before and older than the next Lares", (t) => {
  const packages = (number: number): string => `${"a".repeat(64)}  tool_${number}_amd64.deb\n`;
  const number = fc.nat({ max: 30 });
  const lares = fc
    .tuple(number, number, number, fc.constantFrom("", "-rc1", "-beta.2", "-beta-3"))
    .map(([major, minor, patch, end]) => ({
      own: `${major}.${minor}.${patch}${end}`,
      next: `${major}.${minor}.${patch + 1}`,
    }));
  const isOlder = (a: string, b: string): boolean => {
    const [left, right] = [parseVersion(a), parseVersion(b)];
    return (
      left !== undefined && right !== undefined && compareVersions(left, right) < 0 && compareVersions(right, left) > 0
    );
  };
  fc.assert(
    fc.property(lares, fc.integer({ min: 1, max: 25 }), ({ own, next }, times) => {
      let lock = packages(0);
      let before = own;
      for (let time = 1; time <= times; time++) {
        const raised = raisedLock(own, lock, packages(time));
        const version = raised.ok ? versionOf(own, raised.value) : raised;
        if (!raised.ok || !version.ok) return false;
        if (!isOlder(before, version.value) || !isOlder(version.value, next)) return false;
        // As os-release(5) and tags of container images have it.
        if (!/^[a-z0-9._-]+$/.test(version.value)) return false;
        lock = raised.value;
        before = version.value;
      }
      const last = versionOf(own, lock);
      const other = versionOf(next, lock);
      return last.ok && last.value === `${own}.${times}` && other.ok && other.value === next;
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = versionOf("1.0.0", `# version ${text}\n`);
      return found.ok ? /^1\.0\.0(\.[1-9]\d*)?$/.test(found.value) : found.error.code === "os_lock_version";
    }),
  );
  t.is(JSON.stringify(versionOf("1.0.0", "")), '{"ok":true,"value":"1.0.0"}');
});

test("a system was made no earlier than the newest of its packages", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-built-"));
  const put = (name: string, text: string): { path: string } => {
    writeFileSync(join(folder, name), text);
    return { path: join(folder, name) };
  };
  const deb = (seconds: number): string =>
    `!<arch>\ndebian-binary   ${String(seconds).padEnd(12)}0     0     100644  4         \`\n2.0\n`;
  try {
    const packages = [put("a.deb", deb(1_700_000_000)), put("b.deb", deb(1_760_000_000)), put("c.deb", "no package")];
    t.is(await builtAt(packages), 1_760_000_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("any recipe is read or refused with a reason", (t) => {
  const piece = fc.constantFrom("system", '"x"', "{", "}", "=", "roles", "[", "]", "disk", "1", "\n", "${", "target");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const found = readBuild("/r/x.os.hcl", () => pieces.join(" "), { target: "amd64", flavour: "minimal" });
      if (!found.ok && found.error.message === "") throw new Error("refused without a word");
    }),
  );
  t.pass();
});

test("the entry for Raspberry Pi Imager says what it needs", (t) => {
  const size = (bytes: number) => ({ bytes, sha256: "ab".repeat(32) });
  const known = { version: "1.2.3", target: "amd64", released: "2026-01-01" };
  const url = "https://downloads.example/lares/lares-amd64-1.2.3.img.xz";
  const entry = imagerEntry({ ...known, url, disk: size(4_000_000), packed: size(1000) });
  // Required by doc/json-schema/os-list-schema.json of rpi-imager for an image, and (devices) by schema-notes.md beside it.
  for (const key of [
    "name",
    "description",
    "icon",
    "url",
    "extract_size",
    "extract_sha256",
    "image_download_size",
    "release_date",
    "devices",
  ])
    t.true(key in entry, key);
  t.is(entry.url, url);
  t.is(entry.extract_size, 4_000_000);
  t.is(entry.image_download_size, 1000);
  t.is(entry.init_format, "systemd", "its settings go into firstrun.sh, which the seed reads");
});

test("a folder has a version where any file of it is there, and not for one that counts on from it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lares-outputs-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const has = (version: string) => hasOutputs(build(), { version, folder });
  const put = (name: string) => writeFileSync(join(folder, name), "");
  t.false(await hasOutputs(build(), { version: "0.1.0", folder: join(folder, "none") }));
  for (const other of ["lares-amd64-0.1.0.1.raucb", "lares-amd64-docker-0.1.0.raucb", "SHA256SUMS"]) put(other);
  t.deepEqual([await has("0.1.0"), await has("0.1.0.1"), await has("0.1.0.2")], [false, true, false]);
  put("lares-amd64-0.1.0-libvirt.box");
  t.true(await has("0.1.0"));
});
