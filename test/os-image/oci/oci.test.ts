import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { succeed } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { lintBuild } from "#os-image/firmware/recipe/lint.ts";
import { buildImage } from "#os-image/oci/build.ts";
import { aloneInCache } from "#os-image/oci/cache-lock.ts";
import { lintImage } from "#os-image/oci/lint.ts";
import { fetchLocked, lockChanges } from "#os-image/oci/locked-packages.ts";
import { readImage } from "#os-image/oci/read-recipe.ts";
import type { Image } from "#os-image/oci/recipe.ts";
import { DebianArchive } from "../debian-archive.ts";
import { build, root } from "../firmware/own-recipe.ts";

const packs = new URL("../../../packs/", import.meta.url).pathname;

/** Recipes by path: given ones first, then the packs'. */
function reader(files: Readonly<Record<string, string>>): (path: string) => string | undefined {
  return (path) => {
    const given = files[path];
    if (given !== undefined) return given;
    try {
      return readFileSync(path.startsWith("/") ? path : join(packs, "..", path), "utf8");
    } catch {
      return undefined;
    }
  };
}

function recipe(files: Readonly<Record<string, string>>): ReturnType<typeof readImage> {
  return readImage("/r/x.image.hcl", { read: reader(files), layerFolders: ["packs/layers"], architecture: "amd64" });
}

const TINY =
  'image "tiny" {\n  tags = ["tiny:1"]\n  layers = ["tiny"]\n  config {\n    cmd = ["/hello"]\n    user = "me"\n  }\n}\n';
const TINY_LAYER =
  'layer "tiny" {\n  user "me" { uid = 7 }\n  file "/hello" {\n    content = "hi"\n    mode = "0755"\n  }\n}\n';

function tiny(image = TINY, layer = TINY_LAYER): Image {
  const read = recipe({ "/r/x.image.hcl": image, "/r/tiny.layer.hcl": layer });
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

test("the packs' recipes are read and have no findings that matter", (t) => {
  for (const file of ["redis-cache/redis", "hello/hello"]) {
    const image = readImage(`${packs}${file}.image.hcl`, { read: reader({}), layerFolders: [], architecture: "amd64" });
    t.true(image.ok, JSON.stringify(image));
    if (image.ok) t.deepEqual(lintImage(image.value), []);
  }
});

test("mistakes in a recipe are shown with their line and the nearest known key", (t) => {
  const wrong = recipe({ "/r/x.image.hcl": TINY.replace("tags", "tag") });
  t.false(wrong.ok);
  if (!wrong.ok)
    t.regex(wrong.error.message, /x\.image\.hcl:2:3: error: unknown attribute "tag"[\s\S]*\^\^\^[\s\S]*tags/);
  const mode = recipe({ "/r/x.image.hcl": TINY, "/r/tiny.layer.hcl": TINY_LAYER.replace("0755", "0999") });
  t.false(mode.ok);
  if (!mode.ok) t.regex(mode.error.message, /tiny\.layer\.hcl:5.*octal/);
  const absent = recipe({ "/r/x.image.hcl": TINY });
  t.false(absent.ok);
  if (!absent.ok) t.regex(absent.error.message, /no tiny\.layer\.hcl in \/r/);
  const renamed = recipe({ "/r/x.image.hcl": TINY, "/r/tiny.layer.hcl": TINY_LAYER.replace('"tiny"', '"other"') });
  t.false(renamed.ok);
});

test("any text is read or refused, never more", (t) => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("image", '"x"', "{", "}", "=", "layers", "[", "]", "${", "config", "\n"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const read = recipe({ "/r/x.image.hcl": pieces.join(" ") });
      if (!read.ok && read.error.message === "") throw new Error("refused without a word");
    }),
  );
  t.pass();
});

test("lint finds what will be regretted", (t) => {
  t.deepEqual(lintImage(tiny()), []);
  const codes = (image: Image): string[] => lintImage(image).map((finding) => finding.code);
  const base = tiny();
  const [layer] = base.layers;
  if (layer === undefined) throw new Error("no layer");
  const entry = { path: "/x", mode: 0o666, uid: 0, gid: 0, content: "", source: undefined };
  t.deepEqual(codes({ ...base, config: { ...base.config, user: "root" } }), ["image_root_user"]);
  t.deepEqual(codes({ ...base, config: { ...base.config, user: "you" } }), ["image_unknown_user"]);
  t.deepEqual(codes({ ...base, tags: ["Bad Tag"] }), ["image_bad_tag"]);
  t.deepEqual(codes({ ...base, config: { ...base.config, env: { DB_PASSWORD: "x" } } }), ["image_secret"]);
  t.deepEqual(codes({ ...base, config: { ...base.config, ports: ["80"] } }), ["image_bad_port"]);
  t.deepEqual(codes({ ...base, layers: [{ ...layer, files: [entry] }] }), ["image_world_writable"]);
  t.deepEqual(codes({ ...base, layers: [{ ...layer, files: [{ ...entry, mode: 0o644, path: "/a/../b" }] }] }), [
    "image_bad_path",
  ]);
  t.deepEqual(codes({ ...base, layers: [{ ...layer, run: [["busybox"]] }] }), ["image_bad_run"]);
  t.deepEqual(codes({ ...base, layers: [layer, layer] }), ["image_layer_twice", "image_path_twice"].slice(0, 1));
});

test("the same recipe gives the same bytes; layers are shared; a real engine runs it", async (t) => {
  t.timeout(180_000);
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-image-"));
  const privileged = process.getuid?.() === 0;
  t.true(privileged, "building the packs' images needs root");
  const build = (image: Image, cache: string, name: string) =>
    buildImage(image, {
      exec: env.exec,
      cacheDir: join(dir, cache),
      target: join(dir, name),
      compress: false,
      privileged,
      onProgress: () => undefined,
    });
  try {
    const tag = `lares-test-${process.pid}:1`;
    const read = readImage(`${packs}hello/hello.image.hcl`, {
      read: reader({}),
      layerFolders: [],
      architecture: process.arch === "x64" ? "amd64" : "arm64",
    });
    if (!read.ok) throw new Error(read.error.message);
    const image = { ...read.value, tags: [tag] };
    const first = await build(image, "a", "first.tar");
    t.true(first.ok, JSON.stringify(first));
    const mask = process.umask(0o077);
    const second = await build(image, "b", "second.tar");
    t.is(process.umask(mask), 0o077, "it is given back");
    t.deepEqual(second, first, "built again from nothing, by somebody whose files nobody else reads");
    t.deepEqual(readFileSync(join(dir, "second.tar")), readFileSync(join(dir, "first.tar")));
    const third = await build({ ...image, config: { ...image.config, cmd: ["-p", "9"] } }, "a", "third.tar");
    if (!third.ok) throw new Error(third.error.message);
    t.true(third.value.layers.every((layer) => layer.fromCache));
    if (first.ok) t.not(third.value.imageId, first.value.imageId);

    execFileSync("docker", ["load", "-i", join(dir, "first.tar")]);
    const shown = spawnSync("docker", ["run", "--rm", "--entrypoint", "/bin/cat", tag, "/www/hello/index.html"], {
      encoding: "utf8",
    });
    t.regex(shown.stdout, /Hello from Lares/, shown.stderr);
    t.is(
      spawnSync("docker", ["run", "--rm", "--entrypoint", "/bin/id", tag, "-un"], { encoding: "utf8" }).stdout.trim(),
      "web",
    );
    execFileSync("docker", ["rmi", tag]);
    const listed = execFileSync("tar", ["-tf", join(dir, "first.tar")], { encoding: "utf8" });
    for (const name of ["oci-layout", "index.json", "manifest.json"]) t.true(listed.split("\n").includes(name), name);
  } finally {
    env.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

test("what cannot be built says why and leaves no archive", async (t) => {
  t.timeout(60_000);
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-image-"));
  const options = {
    exec: env.exec,
    cacheDir: join(dir, "cache"),
    target: join(dir, "x.tar"),
    compress: true,
    privileged: true,
    onProgress: () => undefined,
  };
  const refused = async (image: Image): Promise<string> => {
    const built = await buildImage(image, options);
    return built.ok ? "built" : built.error.message;
  };
  try {
    const base = tiny();
    const [layer] = base.layers;
    if (layer === undefined) throw new Error("no layer");
    t.regex(
      await refused({ ...base, config: { ...base.config, cmd: ["/nothing"] } }),
      /starts \/nothing, which none of its layers holds/,
    );
    t.regex(
      await refused({ ...base, layers: [{ ...layer, packages: ["no-such-package-anywhere"] }] }),
      /apt cannot resolve no-such-package-anywhere/,
    );
    t.regex(await refused({ ...base, layers: [{ ...layer, run: [["/bin/false"]] }] }), /\/bin\/false ended with/);
    t.throws(() => readFileSync(options.target), { code: "ENOENT" });
    writeFileSync(join(dir, "mounts"), readFileSync("/proc/self/mounts"));
    t.false(readFileSync(join(dir, "mounts"), "utf8").includes(dir), "nothing stays mounted");
    const built = await buildImage(base, options);
    t.true(built.ok, JSON.stringify(built));
  } finally {
    env.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

test("of two programs that build the same into one cache at once, one builds and the other takes what it made", async (t) => {
  t.timeout(180_000);
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-image-"));
  const build = (name: string) =>
    buildImage(tiny(), {
      exec: env.exec,
      cacheDir: join(dir, "cache"),
      target: join(dir, name),
      compress: false,
      privileged: true,
      onProgress: () => undefined,
    });
  try {
    const [one, two] = await Promise.all([build("one.tar"), build("two.tar")]);
    if (!one.ok || !two.ok) return t.fail(JSON.stringify([one, two]));
    const taken = [one, two].filter(({ value }) => value.layers.every(({ fromCache }) => fromCache));
    t.is(taken.length, 1);
    t.deepEqual(readFileSync(join(dir, "one.tar")), readFileSync(join(dir, "two.tar")));
    const spawn = () => Promise.reject(new Error("no flock"));
    const failed = await aloneInCache({ exec: { ...env.exec, spawn }, cacheDir: join(dir, "cache") }, () =>
      Promise.resolve(succeed("done")),
    );
    t.regex(failed.ok ? "" : failed.error.message, /cannot lock the cache .*no flock/);
  } finally {
    env.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

test("a lock's changes are named, and nothing where there are none", (t) => {
  const line = (name: string, version: string, hash = "a"): string =>
    `${hash.repeat(64)}  ${name}_${version}_amd64.deb\n`;
  const before = line("libc6", "2.41-1") + line("openssl", "3.5.1-1") + line("gone", "1%3a1");
  t.deepEqual(lockChanges(before, before), []);
  t.deepEqual(lockChanges(before, line("libc6", "2.41-1") + line("openssl", "3.5.1-1+deb13u1") + line("new", "2")), [
    "gone 1:1 (aaaaaaaa) -> gone",
    "new not there -> 2 (aaaaaaaa)",
    "openssl 3.5.1-1 (aaaaaaaa) -> 3.5.1-1+deb13u1 (aaaaaaaa)",
  ]);
  t.is(lockChanges(before, before.replace(/^a+/, "b".repeat(64))).length, 1, "the same version with other bytes");
  t.deepEqual(lockChanges("", ""), []);
});

test("just what a lock names is taken, whatever the mirror has; other bytes are refused", async (t) => {
  t.timeout(120_000);
  const archive = await DebianArchive.open(t);
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const text = `Types: deb\nURIs: ${archive.url}\nSuites: stable\nComponents: main\nSigned-By: ${archive.keyring}\n`;
  const fetch = async (lock: string, cache = "cache") => {
    const fetched = await fetchLocked(lock, {
      exec: env.exec,
      cacheDir: join(archive.folder, cache),
      architecture: "amd64",
      without: [],
      present: [],
      sources: { name: "own", text },
    });
    if (!fetched.ok) return `${fetched.error.message}; ${fetched.error.hint ?? ""}`;
    return fetched.value.map(({ name, version, path }) => `${name} ${version} ${existsSync(path)}`);
  };
  archive.publish({ tool: "1:1.0-1", other: "2" });
  const first = archive.lock;
  t.deepEqual(await fetch(first), ["other 2 true", "tool 1:1.0-1 true"]);
  archive.publish({ tool: "1:1.0-2", other: "2" });
  const second = archive.lock;
  t.deepEqual(
    await fetch(second),
    ["other 2 true", "tool 1:1.0-2 true"],
    "lists older than the lock are asked for anew",
  );
  t.deepEqual(await fetch(first), ["other 2 true", "tool 1:1.0-1 true"], "what the mirror has no more is in the cache");
  t.regex(String(await fetch(first, "empty")), /packages of the lock cannot be had any more: .*; .*-update-lock/);
  const hash = second.slice(0, 64);
  t.regex(
    String(await fetch(second.replace(hash, "0".repeat(64)))),
    /^other 2 is not what the lock names \(sha256 0{64}\); find out why before you use -update-lock$/,
  );
  const [path] = globSync(join(archive.folder, "cache/apt/*/archives/other_2_amd64.deb"));
  if (path === undefined) return t.fail("it is not in the cache");
  writeFileSync(path, "what a failing disk left");
  t.deepEqual(
    await fetch(second),
    ["other 2 true", "tool 1:1.0-2 true"],
    "what went bad in the cache is fetched again",
  );
  t.regex(String(await fetch(`# a word\n${second}tool`)), /line 4 of the lock is "tool"; expected: hash, two spaces/);
});

test("provisioners change a layer and leave nothing of themselves; mistakes are told before", async (t) => {
  t.timeout(300_000);
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-provision-"));
  const layer = (block: string): string =>
    `layer "tiny" {\n  packages = ["busybox-static"]\n  user "me" { uid = 7 }\n  file "/hello" {\n    content = "hi"\n  }\n  link "/bin/sh" { target = "/bin/busybox" }\n  ${block}\n}\n`;
  const read = (block: string): Image => {
    const found = readImage(join(dir, "x.image.hcl"), {
      read: (path) => ({ "x.image.hcl": TINY, "tiny.layer.hcl": layer(block) })[path.split("/").at(-1) ?? ""],
      layerFolders: [],
      architecture: process.arch === "x64" ? "amd64" : "arm64",
    });
    if (!found.ok) throw new Error(found.error.message);
    return found.value;
  };
  const build = (image: Image) =>
    buildImage(image, {
      exec: env.exec,
      cacheDir: join(dir, "cache"),
      target: join(dir, "x.tar"),
      compress: false,
      privileged: true,
      onProgress: () => undefined,
    });
  try {
    mkdirSync(join(dir, "site"));
    writeFileSync(join(dir, "site/set-up.sh"), 'echo "$GREETING $1 $(/bin/busybox cat words)" > /made\n');
    writeFileSync(join(dir, "site/words"), "from beside");
    const shell =
      'provisioner "shell" {\n file = "site/set-up.sh"\n arguments = ["you"]\n variables = { GREETING = "hello" }\n }';
    const image = read(shell);
    t.deepEqual(
      lintImage(image).filter(({ severity }) => severity === "error"),
      [],
    );
    const first = await build(image);
    t.true(first.ok, JSON.stringify(first));
    const tree = join(dir, "cache/layers", readdirSync(join(dir, "cache/layers"))[0] ?? "", "tree");
    t.is(readFileSync(join(tree, "made"), "utf8"), "hello you from beside\n");
    t.false(existsSync(join(tree, "run")), "its folder went away");
    const again = await build(image);
    t.true(again.ok && again.value.layers.every((each) => each.fromCache));
    writeFileSync(join(dir, "site/words"), "otherwise");
    const changed = await build(image);
    t.true(changed.ok && changed.value.layers.every((each) => !each.fromCache), "whatever lies beside it counts");
    writeFileSync(join(dir, "site/set-up.sh"), "exit 3\n");
    const failed = await build(image);
    t.regex(failed.ok ? "" : failed.error.message, /provisioner shell of .*set-up\.sh.* ended with 3/);
    const problems = (block: string) =>
      lintImage(read(block))
        .map(({ code, message }) => `${code} ${message}`)
        .join("\n");
    t.regex(problems('provisioner "puppet-apply" { file = "no.pp" }'), /image_provisioner.*no\.pp is not there/);
    t.regex(problems('provisioner "ansible-local" { file = "site/words" }'), /is no list of plays/);
    t.throws(() => read('provisioner "chef" { file = "site/words" }'), {
      message: /"shell", "ansible-local" or "puppet-apply"/,
    });
  } finally {
    env.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

/** What a role runs: one that can, and three that cannot. */
const RUNS = `  run = [["true"]]
  provisioner "shell" {
    file      = "../files/links.sh"
    variables = { ON = architecture }
  }
  provisioner "ansible-local" { file = "../files/links.sh" }
  provisioner "puppet-apply" { file = "../site/gone.pp" }`;

test("lint finds units and users that contradict each other", (t) => {
  const codes = (change: (text: string) => string): readonly string[] =>
    lintBuild(build("minimal", { "agent.role.hcl": change })).map((finding) => finding.code);
  t.true(
    codes((text) => text.replace('mask   = ["etcd.service"]', 'mask = ["lares.service"]')).includes("os_unit_both"),
  );
  t.true(
    codes((text) => text.replace("../files/lares-first.service", "../files/gone.service")).includes("os_no_source"),
  );
  t.true(codes((text) => text.replace("enable =", 'default = "x.target"\n  enable =')).includes("os_default"));
  t.true(codes((text) => text.replace('"etcd.service"', '"etcd"')).includes("os_bad_unit"));
});

test("a role's provisioners are read with their place, and lint tells what cannot run", (t) => {
  const at = (text: string): string => text.replace(/^ {2}packages/m, (found) => `${RUNS}\n${found}`);
  const { roles } = build("minimal", { "agent.role.hcl": at }, "arm64");
  t.deepEqual(
    roles.flatMap(({ provisioners }) => provisioners.map(({ kind, file, variables }) => ({ kind, file, variables }))),
    [
      { kind: "shell", file: `${root}os-image/firmware/files/links.sh`, variables: { ON: "arm64" } },
      { kind: "ansible-local", file: `${root}os-image/firmware/files/links.sh`, variables: {} },
      { kind: "puppet-apply", file: `${root}os-image/firmware/site/gone.pp`, variables: {} },
    ],
  );
  const found = lintBuild(build("minimal", { "agent.role.hcl": at })).map(
    ({ severity, where, code, message }) => `${severity} ${where} ${code} ${message.replace(root, "")}`,
  );
  t.is(found.length, 3, found.join("\n"));
  t.regex(
    found[0] ?? "",
    /^error role agent image_provisioner provisioner "ansible-local": .*links\.sh is no (YAML|list)/,
  );
  t.is(
    found[1],
    'error role agent image_provisioner provisioner "puppet-apply": os-image/firmware/site/gone.pp is not there',
  );
  t.is(found[2], 'error role agent image_bad_run run ["true"] must start with the absolute path of a program');
  t.throws(() => build("minimal", { "agent.role.hcl": (text) => at(text).replace("puppet-apply", "chef") }), {
    message: /agent\.role\.hcl.*"shell", "ansible-local" or "puppet-apply"/s,
  });
});
