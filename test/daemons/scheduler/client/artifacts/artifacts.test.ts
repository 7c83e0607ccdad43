import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest from "ava";
import type { ExecutionContext, TestFn } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { freePort } from "#test/free-ports.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { ArtifactSchema } from "#base/protocol/task.ts";
import { sumInList } from "#daemons/scheduler/client/artifacts/checksum.ts";
import { fetchArtifact } from "#daemons/scheduler/client/artifacts/fetch-artifact.ts";
import { withoutSecrets } from "#daemons/scheduler/client/artifacts/fetch-artifacts.ts";
import type { ArtifactLimits } from "#daemons/scheduler/client/artifacts/limits.ts";
import { presign } from "#daemons/scheduler/client/artifacts/presign.ts";
import { parseSource } from "#daemons/scheduler/client/artifacts/source.ts";
import { startObjects } from "./s3-objects.ts";
import { testAgent, until } from "../../../../scenario/agent.ts";

interface Context {
  folder: string;
  web: string;
  base: string;
  close: () => void;
}
const test = anyTest as TestFn<Context>;
const env = createEnv({ logToStderr: false });
const LIMITS = defaultAgentConfig().client.artifact;

const answer = (web: string) => (request: IncomingMessage, response: ServerResponse) => {
  const path = (request.url ?? "").split("?")[0] ?? "";
  if (path === "/moved") return void response.writeHead(302, { location: "/plain.txt" }).end();
  if (path === "/elsewhere") return void response.writeHead(302, { location: "file:///etc/passwd" }).end();
  if (path === "/slow") return void response.writeHead(200).write("x");
  if (path === "/secret" && request.headers["x-key"] !== 'a "b" \\c') return void response.writeHead(403).end();
  if (path === "/secret") return void response.end("told");
  if (path === "/short") {
    response.writeHead(200, { "content-length": "100" });
    response.write("x");
    return void setTimeout(() => response.destroy(), 20);
  }
  if (path === "/endless") {
    const more = (): void => void (response.destroyed || response.write("x".repeat(65_536), () => setImmediate(more)));
    return more();
  }
  const file = join(web, path);
  if (!existsSync(file)) return void response.writeHead(404).end();
  response.end(readFileSync(file));
};

test.beforeEach(async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-artifacts-"));
  const web = join(folder, "web");
  mkdirSync(join(folder, "alloc/one/web/local"), { recursive: true });
  mkdirSync(join(folder, "tree/sub"), { recursive: true });
  mkdirSync(web);
  writeFileSync(join(folder, "tree/a.txt"), "A");
  writeFileSync(join(folder, "tree/sub/b.txt"), "B");
  symlinkSync("a.txt", join(folder, "tree/link"));
  writeFileSync(join(web, "plain.txt"), "plain");
  const server = createServer(answer(web));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  t.context = { folder, web, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
});
test.afterEach.always(async (t) => {
  t.context.close();
  await rm(t.context.folder, { recursive: true, force: true });
});
test.after.always(() => env.close());

type Given = Omit<Partial<v.InferInput<typeof ArtifactSchema>>, "GetterSource">;

async function fetch(
  t: ExecutionContext<Context>,
  source: string,
  { limits = {}, ...given }: Given & { readonly limits?: Partial<ArtifactLimits> } = {},
): Promise<string> {
  const allocRoot = join(t.context.folder, "alloc/one");
  const artifact = v.parse(ArtifactSchema, { RelativeDest: "local/", ...given, GetterSource: source });
  const fetching = {
    env,
    folder: join(allocRoot, ".artifacts/web/0"),
    limits: { ...LIMITS, ...limits },
    signal: new AbortController().signal,
  };
  const place = { taskDir: join(allocRoot, "web"), allocRoot, owner: undefined };
  const done = await fetchArtifact(fetching, artifact, place);
  t.false(existsSync(fetching.folder), "nothing stays of the fetching itself");
  return done.ok ? "ok" : `${done.error.code} ${done.error.message}`;
}

const local = (t: ExecutionContext<Context>, path = ""): string => join(t.context.folder, "alloc/one/web/local", path);
const text = (t: ExecutionContext<Context>, path: string): string => readFileSync(local(t, path), "utf8");

test("a file comes over HTTP, by redirects, with headers that no process list shows, and can be run", async (t) => {
  const { base } = t.context;
  t.is(await fetch(t, `${base}/moved?archive=false&filename=got.txt`), "ok");
  t.is(text(t, "got.txt"), "plain");
  t.is(lstatSync(local(t, "got.txt")).mode & 0o777, 0o755);
  t.is(await fetch(t, `${base}/secret`, { GetterHeaders: { "X-Key": 'a "b" \\c' } }), "ok");
  t.is(text(t, "secret"), "told");
  t.is(await fetch(t, `${base}/plain.txt`, { GetterMode: "file", RelativeDest: "local/deep/er/name" }), "ok");
  t.is(text(t, "deep/er/name"), "plain");
  t.is(await fetch(t, `${base}/plain.txt`, { RelativeDest: "../alloc/data" }), "ok");
  t.true(existsSync(join(t.context.folder, "alloc/one/alloc/data/plain.txt")));
});

test("what cannot be fetched is told, and leaves nothing", async (t) => {
  const { base } = t.context;
  t.regex(await fetch(t, `${base}/none`), /^DOWNLOAD .*404/);
  t.regex(await fetch(t, `${base}/elsewhere`), /^DOWNLOAD /);
  t.regex(await fetch(t, `${base}/short`), /^DOWNLOAD /);
  t.regex(
    await fetch(t, `${base}/slow`, { limits: { httpReadTimeoutMs: 300 } }),
    /^DOWNLOAD it took longer than 0.3 s/,
  );
  t.regex(
    await fetch(t, `${base}/endless`, { limits: { httpMaxBytes: 300_000 } }),
    /^DOWNLOAD it is larger than 293 KiB/,
  );
  t.regex(await fetch(t, "http://127.0.0.1:1/x"), /^DOWNLOAD /);
  t.regex(await fetch(t, `${base}/plain.txt`, { RelativeDest: "../../two/x" }), /^DESTINATION .*leaves/);
  t.regex(await fetch(t, `${base}/plain.txt`, { GetterHeaders: { "X-A": "b\r\nX-C: d" } }), /^SOURCE header "X-A"/);
  t.deepEqual(readdirSync(local(t)), []);
});

test("archives of every kind are unpacked; a folder or file in one can be asked for", async (t) => {
  const { base, folder, web } = t.context;
  const pack = (name: string, ...flags: string[]): void =>
    void execFileSync("bsdtar", ["-c", ...flags, "-f", join(web, name), "-C", join(folder, "tree"), "."]);
  pack("t.tar");
  pack("t.tar.gz", "-z");
  pack("t.txz", "-J");
  pack("t.tar.bz2", "-j");
  pack("t.tar.zst", "--zstd");
  pack("t.zip", "--format", "zip");
  for (const name of ["t.tar", "t.tar.gz", "t.txz", "t.tar.bz2", "t.tar.zst", "t.zip"]) {
    t.is(await fetch(t, `${base}/${name}`, { RelativeDest: `local/${name}` }), "ok", name);
    t.is(text(t, `${name}/a.txt`), "A");
    t.is(text(t, `${name}/sub/b.txt`), "B");
    t.is(text(t, `${name}/link`), "A");
  }
  t.is(await fetch(t, `${base}/t.tar.gz//sub`, { RelativeDest: "local/part" }), "ok");
  t.deepEqual(readdirSync(local(t, "part")), ["b.txt"]);
  t.is(await fetch(t, `${base}/t.zip//sub/b.txt`, { GetterMode: "file", RelativeDest: "local/just.txt" }), "ok");
  t.is(text(t, "just.txt"), "B");
  t.regex(await fetch(t, `${base}/t.zip//none`), /^SOURCE there is no "none" in it/);
  t.regex(await fetch(t, `${base}/t.zip`, { GetterMode: "file" }), /^MODE it is a folder/);
  t.is(await fetch(t, `${base}/t.zip`, { GetterOptions: { archive: "false" }, RelativeDest: "local/raw" }), "ok");
  t.true(existsSync(local(t, "raw/t.zip")));
  execFileSync("sh", ["-c", "gzip -k plain.txt; xz -k plain.txt; zstd -q plain.txt; bzip2 -k plain.txt"], { cwd: web });
  for (const kind of ["gz", "xz", "zst", "bz2"]) {
    t.is(await fetch(t, `${base}/plain.txt.${kind}`, { RelativeDest: `local/${kind}` }), "ok", kind);
    t.is(text(t, `${kind}/plain.txt`), "plain");
  }
});

test("an archive that lies, explodes or leads out is refused whole", async (t) => {
  const { base, folder, web } = t.context;
  const evil = join(folder, "evil");
  mkdirSync(evil);
  writeFileSync(join(folder, "outside"), "mine");
  writeFileSync(join(evil, "zero"), Buffer.alloc(20_000_000));
  execFileSync("bsdtar", ["-c", "-z", "-f", join(web, "bomb.tgz"), "-C", evil, "zero"]);
  execFileSync("gzip", ["-c", "zero"], { cwd: evil, stdio: ["ignore", "pipe", "ignore"] });
  execFileSync("sh", ["-c", `gzip -c zero >${web}/bomb.gz`], { cwd: evil });
  for (const name of ["bomb.tgz", "bomb.gz"]) {
    t.regex(await fetch(t, `${base}/${name}`, { limits: { decompressionBytes: 1_000_000 } }), /^UNPACK /, name);
  }
  const many = join(folder, "many");
  mkdirSync(many);
  for (let n = 0; n < 60; n++) writeFileSync(join(many, String(n)), "");
  execFileSync("bsdtar", ["-c", "-f", join(web, "many.tar"), "-C", many, "."]);
  t.regex(
    await fetch(t, `${base}/many.tar`, { limits: { decompressionFiles: 50 } }),
    /^UNPACK it holds more than 50 files/,
  );
  symlinkSync("/etc/passwd", join(evil, "abs"));
  symlinkSync("../../outside", join(evil, "up"));
  execFileSync("bsdtar", ["-c", "-f", join(web, "abs.tar"), "-C", evil, "abs"]);
  execFileSync("bsdtar", ["-c", "-f", join(web, "up.tar"), "-C", evil, "up"]);
  execFileSync("bsdtar", ["-c", "-P", "-f", join(web, "dots.tar"), "-s", ",^zero,../../dots,", "-C", evil, "zero"]);
  t.regex(await fetch(t, `${base}/abs.tar`), /^INSPECT the link "abs" leads out, to "\/etc\/passwd"/);
  t.regex(await fetch(t, `${base}/up.tar`), /^INSPECT the link "up" leads out/);
  t.regex(await fetch(t, `${base}/dots.tar`), /^UNPACK /);
  execFileSync("mknod", [join(evil, "device"), "c", "1", "3"]);
  execFileSync("mkfifo", [join(evil, "pipe")]);
  execFileSync("bsdtar", ["-c", "-f", join(web, "odd.tar"), "-C", evil, "device", "pipe"]);
  t.regex(await fetch(t, `${base}/odd.tar`), /^(UNPACK|INSPECT) /);
  writeFileSync(join(web, "nonsense.zip"), "this is no archive");
  t.regex(await fetch(t, `${base}/nonsense.zip`), /^UNPACK .*[Uu]nrecognized archive format/);
  t.deepEqual(readdirSync(local(t)), []);
  t.is(readFileSync(join(folder, "outside"), "utf8"), "mine");
  t.false(existsSync(join(folder, "dots")));
});

test("a link that a task left in the way is not followed", async (t) => {
  const { base, folder } = t.context;
  mkdirSync(join(folder, "precious"));
  symlinkSync(join(folder, "precious"), local(t, "way"));
  t.regex(await fetch(t, `${base}/plain.txt`, { RelativeDest: "local/way/" }), /^DESTINATION .*is in the way/);
  symlinkSync(join(folder, "precious/x"), local(t, "plain.txt"));
  t.is(await fetch(t, `${base}/plain.txt`), "ok");
  t.is(text(t, "plain.txt"), "plain");
  t.deepEqual(readdirSync(join(folder, "precious")), []);
});

test("checksums: given, by length, from lists; a wrong one refuses the file", async (t) => {
  const { base, web } = t.context;
  const sum = (kind: string): string => createHash(kind).update("plain").digest("hex");
  for (const kind of ["md5", "sha1", "sha256", "sha512"])
    t.is(await fetch(t, `${base}/plain.txt?checksum=${kind}:${sum(kind)}`), "ok", kind);
  t.is(await fetch(t, `${base}/plain.txt`, { GetterOptions: { checksum: sum("sha256").toUpperCase() } }), "ok");
  await rm(local(t, "plain.txt"));
  t.regex(
    await fetch(t, `${base}/plain.txt?checksum=sha256:${sum("sha256").replace(/^./, "0")}`),
    /^CHECKSUM its sha256 is/,
  );
  t.regex(await fetch(t, `${base}/plain.txt?checksum=sha256:123`), /^CHECKSUM "sha256:123" is no checksum/);
  t.false(existsSync(local(t, "plain.txt")));
  writeFileSync(join(web, "SUMS"), `${"0".repeat(64)}  other.txt\n${sum("sha256")} *dist/plain.txt\n`);
  t.is(await fetch(t, `${base}/plain.txt`, { GetterOptions: { checksum: `file:${base}/SUMS` } }), "ok");
  t.is(sumInList(`MD5 (plain.txt) = ${sum("md5")}`, "plain.txt")?.kind, "md5");
  t.is(sumInList("nothing here", "plain.txt"), undefined);
});

test("a repository is cloned at a branch, a tag or a commit; local folders only where the node opened them", async (t) => {
  const { folder } = t.context;
  const repository = join(folder, "repository");
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", "-C", repository, ...args], {
      encoding: "utf8",
    });
  mkdirSync(repository);
  git("init", "-q", "-b", "main");
  writeFileSync(join(repository, "f"), "one");
  git("add", "f");
  git("commit", "-qm", "one");
  git("tag", "v1");
  const first = git("rev-parse", "HEAD").trim();
  writeFileSync(join(repository, "f"), "two");
  git("commit", "-qam", "two");
  const url = `git::file://${repository}`;
  for (const [at, [query, content]] of Object.entries([
    ["", "two"],
    ["?ref=v1", "one"],
    [`?ref=${first}`, "one"],
    ["?ref=main&depth=1", "two"],
  ])) {
    t.is(await fetch(t, `${url}${query}`, { RelativeDest: `local/r${at}` }), "ok", query);
    t.is(text(t, `r${at}/f`), content ?? "");
  }
  t.regex(await fetch(t, `${url}?ref=none`), /^CLONE .*none/);
  t.regex(await fetch(t, `${url}?ref=--upload-pack=x`), /^SOURCE ref/);
  t.regex(await fetch(t, "/etc/passwd"), /^SOURCE \/etc\/passwd is not in a folder this node opened/);
  const limits = { localFolders: [join(folder, "tree")] };
  t.is(await fetch(t, join(folder, "tree/a.txt"), { limits }), "ok");
  t.is(text(t, "a.txt"), "A");
  symlinkSync("/etc/passwd", join(folder, "tree/escape"));
  t.regex(await fetch(t, join(folder, "tree/escape"), { limits }), /^SOURCE .*not in a folder/);
});

test("a full disk ends a download and an unpacking with words, and leaves nothing", async (t) => {
  const { base, folder, web } = t.context;
  const disk = join(folder, "alloc");
  const mount = ["-t", "tmpfs", "-o", "size=1m", "lares-artifacts-test", disk];
  execFileSync("mount", mount);
  try {
    mkdirSync(join(disk, "one/web/local"), { recursive: true });
    writeFileSync(join(web, "large"), new Uint8Array(3_000_000));
    execFileSync("tar", ["-czf", join(web, "large.tar.gz"), "-C", web, "large"]);
    t.regex(await fetch(t, `${base}/large`), /^DOWNLOAD .*(?:[Nn]o space|[Ff]ail.* writ|full)/);
    t.regex(await fetch(t, `${base}/large.tar.gz`), /^UNPACK .*(?:[Nn]o space|full)/);
    t.deepEqual(readdirSync(local(t)), []);
    t.is(await fetch(t, `${base}/plain.txt`), "ok", "there is room for what is small");
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

test("a repository is cloned over ssh with the key of the job, and not with another", async (t) => {
  const { folder } = t.context;
  const at = (name: string): string => join(folder, name);
  for (const name of ["host", "mine", "other"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  const repository = at("ssh-repository");
  const git = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-C", repository];
  mkdirSync(repository);
  execFileSync("git", [...git, "init", "-q", "-b", "main"]);
  writeFileSync(join(repository, "f"), "over ssh");
  execFileSync("git", [...git, "add", "f"]);
  execFileSync("git", [...git, "commit", "-qm", "one"]);
  const port = await freePort();
  const settings = [`HostKey ${at("host")}`, `AuthorizedKeysFile ${at("mine")}.pub`, `PidFile ${at("pid")}`];
  settings.push("StrictModes no", "PasswordAuthentication no", "UsePAM no", "PermitRootLogin yes");
  writeFileSync(at("sshd_config"), `${settings.join("\n")}\nListenAddress 127.0.0.1:${port}\n`);
  // Where it gives up its rights while it listens to strangers.
  mkdirSync("/run/sshd", { recursive: true });
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", at("sshd_config")], { stdio: "ignore" });
  try {
    const url = `git::ssh://root@127.0.0.1:${port}${repository}`;
    const withKey = (name: string) => ({ GetterOptions: { sshkey: readFileSync(at(name)).toString("base64") } });
    let told = "";
    while (told !== "ok") {
      told = await fetch(t, url, { ...withKey("mine"), RelativeDest: "local/r" });
      if (told !== "ok" && !/refused/.test(told)) break;
    }
    t.is(told, "ok");
    t.is(text(t, "r/f"), "over ssh");
    t.regex(
      await fetch(t, url, { ...withKey("other"), RelativeDest: "local/no" }),
      /^CLONE .*(?:Permission denied|rights)/,
    );
    t.regex(await fetch(t, url, { GetterOptions: { sshkey: "%" } }), /^SOURCE sshkey is no base64/);
  } finally {
    server.kill();
  }
});

test("sources in every notation", (t) => {
  const read = (source: string, options = {}): string => {
    const parsed = parseSource(source, options);
    if (!parsed.ok) return parsed.error.message;
    const { getter, url, folder, archive = "-" } = parsed.value;
    return [getter, url, folder, archive].filter((part) => part !== "").join(" ");
  };
  t.is(read("https://h/a.zip//x/y?checksum=md5:1&q=1"), "http https://h/a.zip?q=1 x/y tree");
  t.is(read("https://h/a.bin", { archive: "zip" }), "http https://h/a.bin tree");
  t.is(read("github.com/o/r//sub?ref=v1"), "git https://github.com/o/r.git sub -");
  t.is(read("github.com/o/r/sub"), "git https://github.com/o/r.git sub -");
  t.is(read("git@example.org:o/r.git"), "git ssh://git@example.org/o/r.git -");
  t.is(read("git::https://h/r.git?depth=1"), "git https://h/r.git -");
  t.is(read("s3::https://s3.amazonaws.com/bucket/k.tgz"), "s3 https://s3.amazonaws.com/bucket/k.tgz tree");
  t.is(read("s3-eu-west-1.amazonaws.com/bucket/k"), "s3 https://s3-eu-west-1.amazonaws.com/bucket/k -");
  t.is(read("/srv/x"), "file file:///srv/x -");
  t.regex(read("hg::https://h/r"), /cannot fetch with "hg"/);
  t.regex(read("ftp://h/r"), /cannot fetch with "ftp"/);
  t.regex(read("file::https://h/r"), /a file source begins with file:\/\//);
  t.regex(read("example"), /is no URL/);
  t.regex(read("https://h/a.zip//../x"), /leads out/);
  t.is(withoutSecrets("git::https://u:p@h/r?sshkey=x"), "git::https://…@h/r?…");
  fc.assert(
    fc.property(
      fc.string(),
      fc.dictionary(fc.string(), fc.string()),
      (source, options) => void parseSource(source, options),
    ),
  );
});

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html gives this very example. */
test("an S3 request is signed as Amazon's example is", (t) => {
  const key = {
    id: "AKIAIOSFODNN7EXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    token: "",
    region: "us-east-1",
  };
  const signed = presign(new URL("https://examplebucket.s3.amazonaws.com/test.txt"), key, Date.UTC(2013, 4, 24));
  t.regex(signed, /X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404$/);
  // As Amazon's own library for Python (botocore) signs it: names that need writing otherwise, and a token.
  const other = { id: "AKIDEXAMPLE", secret: "sEcReT/key+1", token: "tok/en+=", region: "eu-west-1" };
  const odd = new URL("https://jobs.s3.eu-west-1.amazonaws.com/dir%20name/%C3%A4%2Bb%281%29.txt");
  t.regex(
    presign(odd, other, Date.UTC(2026, 10, 21, 10)),
    /X-Amz-Signature=7e84544b85dd4213c9f05a2e36a041a6d1b957504693539b056bf828d5b07011$/,
  );
});

test("an object of an S3 store comes with a key, or by a URL that the store's own tools signed, and not otherwise", async (t) => {
  t.timeout(600_000);
  const s3 = await startObjects();
  t.teardown(() => s3.stop());
  const object = `s3::${s3.endpoint}/things/tools/the%20tool%2B1.txt`;
  const key = { aws_access_key_id: s3.id, aws_access_key_secret: s3.secret, region: s3.region };
  const asked = (GetterOptions: Record<string, string>) => fetch(t, object, { GetterMode: "any", GetterOptions });
  t.is(await asked(key), "ok");
  t.is(text(t, "the tool+1.txt"), "from the store");
  rmSync(local(t, "the tool+1.txt"));
  t.regex(await asked({ ...key, aws_access_key_secret: "guessed" }), /403/);
  t.regex(await asked({}), /403/);
  t.is(await fetch(t, s3.signed), "ok");
  t.is(text(t, "the tool+1.txt"), "from the store");
  t.regex(await fetch(t, s3.signed.replace(/Signature=..../, "Signature=0000")), /403/);
});

test("a job's artifacts are there before its task starts, once; a missing one is tried again and told", async (t) => {
  const { base, folder, web } = t.context;
  writeFileSync(join(web, "run.sh"), "#!/bin/sh\necho fetched $1\nexec sleep 1000\n");
  const agent = await testAgent({ flags: ["-dev"], logLevel: "info", docker: "unix:///nonexistent/docker.sock" });
  t.teardown(async () => {
    await agent.stop();
    await agent.remove();
  });
  const job = (name: string, source: string): string => {
    const file = join(folder, `${name}.hcl`);
    writeFileSync(
      file,
      `job "${name}" {
  group "g" {
    restart {
      attempts = 1
      delay    = "1s"
      mode     = "fail"
    }
    reschedule { attempts = 0 }
    task "t" {
      driver = "raw_exec"
      artifact {
        source      = "${base}/${source}"
        destination = "local/\${NOMAD_TASK_NAME}/"
      }
      config {
        command = "local/t/run.sh"
        args    = ["it"]
      }
    }
  }
}`,
    );
    return file;
  };
  interface Shown {
    readonly ID: string;
    readonly ClientStatus: string;
    readonly TaskStates: Record<string, { Restarts: number; Events: { Type: string; DisplayMessage: string }[] }>;
  }
  const allocOf = async (name: string): Promise<Shown | undefined> =>
    ((await agent.get(`/v1/job/${name}/allocations`)) as Shown[])[0];
  await agent.lares("job", "run", "-detach", job("good", "run.sh"));
  await until("it runs", async () => (await allocOf("good"))?.ClientStatus === "running");
  const good = await allocOf("good");
  t.true(good?.TaskStates["t"]?.Events.some(({ Type }) => Type === "Downloading Artifacts"));
  await until("it said so", async () => (await agent.lares("alloc", "logs", good?.ID ?? "")).stdout === "fetched it\n");
  await rm(join(web, "run.sh"));
  t.is((await agent.lares("alloc", "restart", good?.ID ?? "")).code, 0);
  await until("it runs again", async () => {
    const now = await allocOf("good");
    return now?.ClientStatus === "running" && now.TaskStates["t"]?.Restarts === 1;
  });
  await agent.lares("job", "run", "-detach", job("bad", "run.sh?aws_profile=x"));
  await until("it fails", async () => (await allocOf("bad"))?.ClientStatus === "failed");
  const events = (await allocOf("bad"))?.TaskStates["t"]?.Events ?? [];
  const failures = events.filter(({ Type }) => Type === "Failed Artifact Download");
  t.is(failures.length, 2);
  t.regex(failures[0]?.DisplayMessage ?? "", /failed to download artifact ".*run\.sh\?…": .*404/);
});
