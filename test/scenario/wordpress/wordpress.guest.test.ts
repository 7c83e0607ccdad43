import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { removeAgent } from "../faults/tasks-of.ts";

/** The pack as it is: WordPress and MariaDB from Debian's packages, hundreds of megabytes, so not among the usual tests. */
const packs = new URL("../../../packs/", import.meta.url).pathname;
const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
const HOST = "127.0.0.1";
const work = mkdtempSync(join(tmpdir(), "lares-wordpress-"));
let agent: TestAgent;

/** What its containers need: users of their own, files of theirs. */
const CAPS =
  "audit_write chown dac_override fowner fsetid kill mknod net_bind_service setfcap setgid setpcap setuid sys_chroot";

async function say(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.lares(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

test.before(async (t) => {
  t.timeout(900_000, "building the image");
  const cache = join(tmpdir(), "lares-image-cache");
  const words = ["image", "build", "-load", "-no-compress", "-cache", cache, "-output", join(work, "image.tar")];
  const argv = [main, ...words, `${packs}wordpress/wordpress.image.hcl`];
  const built = spawnSync(process.execPath, argv, { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`${built.stderr}${built.stdout}`);
  agent = await testAgent({ dockerConfig: `allow_caps = ${JSON.stringify(CAPS.split(" "))}` });
});

test.after.always(async () => {
  rmSync(work, { recursive: true, force: true });
  for (const job of ["wordpress", "ingress"]) await agent.lares("job", "stop", "-purge", job);
  await removeAgent(agent);
});

test("WordPress is installed, writes a post, and has it still after its allocation was replaced", async (t) => {
  t.timeout(600_000);
  const [port = 0] = await freePorts(1);
  await say("job", "run", "-detach", `-var=port=${port}`, `${packs}ingress/ingress.nomad.hcl`);
  await say("volume", "create", `${packs}wordpress/wordpress.volume.hcl`);
  await say("job", "run", "-detach", `-var=host=${HOST}`, `${packs}wordpress/wordpress.nomad.hcl`);
  let cookies = "";
  const ask = async (path: string, form?: Readonly<Record<string, string>>): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { cookie: cookies },
      redirect: "manual",
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    }).catch(() => undefined);
    const given = (answer?.headers.getSetCookie() ?? []).map((each) => each.split(";")[0] ?? "");
    if (given.length > 0) cookies = [cookies, ...given].filter((each) => each !== "").join("; ");
    return {
      status: answer?.status ?? 0,
      location: answer?.headers.get("location") ?? "",
      text: (await answer?.text().catch(() => "")) ?? "",
    };
  };
  await until("it asks to be installed", async () => /install\.php/.test((await ask("/")).location), 240_000);
  const form = {
    weblog_title: "Seen",
    user_name: "admin",
    admin_password: "correct horse battery",
    admin_password2: "correct horse battery",
    pw_weak: "1",
    admin_email: "a@example.com",
  };
  t.regex((await ask("/wp-admin/install.php?step=2", form)).text, /Success/);
  const page = await ask("/");
  t.is(page.status, 200);
  t.regex(page.text, /<title>Seen/);
  t.regex(page.text, /http:\/\/[^/"]+\/wp-/, "its links follow the host");
  await ask("/wp-login.php");
  const login = { log: "admin", pwd: "correct horse battery", "wp-submit": "Log In", testcookie: "1" };
  t.is((await ask("/wp-login.php", login)).status, 302, "logged in");
  const nonce = (await ask("/wp-admin/admin-ajax.php?action=rest-nonce")).text.trim();
  t.regex(nonce, /^[0-9a-f]{10}$/);
  const rest = { _wpnonce: nonce, title: "Kept", content: "what was written", status: "publish" };
  const posted = await ask("/index.php?rest_route=/wp/v2/posts", rest);
  t.is(posted.status, 201, posted.text.slice(0, 500));

  const [before = ""] = await running();
  await say("alloc", "stop", "-detach", before);
  await until("another allocation runs", async () => (await running()).some((id) => id !== before), 240_000);
  await until("what was written is there", async () => /Kept/.test((await ask("/")).text), 240_000);
});

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly text: string;
}

const AllocationsSchema = v.array(v.object({ ID: v.string(), ClientStatus: v.string() }));

async function running(): Promise<readonly string[]> {
  const all = v.parse(AllocationsSchema, await agent.get("/v1/job/wordpress/allocations"));
  return all.filter(({ ClientStatus }) => ClientStatus === "running").map(({ ID }) => ID);
}
