import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { pairJson, ReplySchema, RequestSchema } from "#daemons/router/share/keys.ts";
import { Lab, until, type Ran } from "../lab.ts";

const MAIN = `${sourceRoot()}/cli/main.ts`;
const CLUSTER = "172.31.0.1";

const HOME = `
wan "fiber" {
  interface = "eth0"
  type      = "static"
  ipv6      = false
  address   = "203.0.113.9/24"
  gateway   = "203.0.113.1"
}
lan "home" {
  interface = "eth1"
  address   = "192.168.1.1/24"
}
`;

const WAITS = /A change waits for confirmation/;
const IN_USE = /Router on router[^]*fiber +eth0 +static +in use +203\.0\.113\.9\/24/;

/** A cluster of one agent on a machine of its own, and commands beside it. */
class Household {
  readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
    lab.ip("cluster", "link add br0 type bridge");
    lab.ip("cluster", "link set br0 up");
    lab.ip("cluster", `address add ${CLUSTER}/24 dev br0`);
    this.machine("router", 2);
    lab.connect(["outside", "o0"], ["router", "eth0"]);
    lab.ip("outside", "address add 203.0.113.1/24 dev o0");
    lab.connect(["client", "c0"], ["router", "eth1"]);
    lab.ip("client", "address add 192.168.1.10/24 dev c0");
    lab.ip("client", "route add default via 192.168.1.1");
  }

  /** With a cable to the cluster. */
  machine(space: string, number: number): void {
    this.lab.connect(["cluster", `m${number}`], [space, "mgmt"]);
    this.lab.ip("cluster", `link set m${number} master br0`);
    this.lab.ip(space, `address add 172.31.0.${number}/24 dev mgmt`);
  }

  async startAgent(): Promise<void> {
    const { lab } = this;
    lab.start("cluster", process.execPath, MAIN, "agent", "-dev", "-bind", "0.0.0.0", "-data-dir", `${lab.dir}/agent`);
    const leader = ["curl", "-sf", `http://${CLUSTER}:8500/v1/status/leader`];
    await until("the agent answers", async () => (await lab.run("cluster", ...leader)).code === 0);
  }

  /** The role as a task on that machine; ends with the test, or by the signal. */
  startRouter(space: string) {
    const { lab } = this;
    const env = [`LARES_ROUTER_STATE=${lab.dir}/${space}`, `NOMAD_NODE_NAME=${space}`];
    const where = [`CONSUL_HTTP_ADDR=http://${CLUSTER}:8500`, `NOMAD_ADDR=http://${CLUSTER}:4646`];
    return lab.start(space, "env", ...env, ...where, process.execPath, MAIN, "role", "router");
  }

  /** `lares router …` on the cluster's machine, which is no router itself. */
  command(...words: readonly string[]) {
    const [command = "", ...rest] = words;
    const state = command === "history" ? [] : ["-state", `${this.lab.dir}/nobody`];
    return this.lab.run("cluster", process.execPath, MAIN, "router", command, ...state, ...rest);
  }

  /** The value of a key; undefined: there is none. */
  async key(name: string): Promise<string | undefined> {
    const url = `http://${CLUSTER}:8500/v1/kv/lares/router/${name}?raw`;
    const { code, stdout } = await this.lab.run("cluster", "curl", "-sf", url);
    return code === 0 ? stdout : undefined;
  }

  async put(name: string, file: string): Promise<void> {
    const url = `http://${CLUSTER}:8500/v1/kv/lares/router/${name}`;
    await this.lab.run("cluster", "curl", "-sf", "-X", "PUT", "--data-binary", `@${file}`, url);
  }

  /** What the router tells the cluster follows what it does: soon, but not before a command is answered. */
  told(what: string, isShown: (status: Ran) => boolean): Promise<unknown> {
    return until(what, async () => isShown(await this.command("status")));
  }

  /** A change waits for its confirmation; its mark is there before the first step, and goes after the last one back. */
  isTrying(): boolean {
    return existsSync(`${this.lab.dir}/router/pending.json`);
  }

  /** One answer that is missing proves nothing: a neighbour is thought dead a while longer, a busy machine is slow. */
  async isOnline(): Promise<boolean> {
    return (await this.lab.get("client", "http://203.0.113.1/")) === "outside 203.0.113.9";
  }
}

test("one configuration for the cluster: tried, taken back, confirmed, refused, and taken elsewhere", async (t) => {
  const lab = new Lab(t);
  const home = new Household(lab);
  await Promise.all([home.startAgent(), lab.serve("outside", 80)]);
  const router = home.startRouter("router");
  const file = lab.write("home.hcl", HOME);
  await until("the router is known", () => home.key("nodes/router"));

  const planned = await home.command("plan", file);
  t.is(planned.code, 2, planned.stderr);
  t.regex(planned.stdout, /On router:\n {2}\+ the firewall/);
  // How much of the three seconds is left when the command ends, nobody knows.
  const tried = await home.command("apply", "-within", "3s", file);
  t.is(tried.code, 0, tried.stderr);
  t.regex(tried.stdout, /On router:\n {2}\+ the firewall/);
  await until("nobody confirmed: it is taken back", async () => !home.isTrying());
  t.false(await home.isOnline(), "taken back");

  const applied = await home.command("apply", "-within", "10m", file);
  t.is(applied.code, 0, applied.stderr);
  await until("it is tried", () => home.isOnline());
  await home.told("it says that it waits", ({ stdout }) => WAITS.test(stdout));
  // Another one, tried from here and taken back from here.
  t.is((await home.command("confirm")).code, 0);
  const other = lab.write("other.hcl", HOME.replace("203.0.113.9/24", "203.0.113.8/24"));
  t.is((await home.command("apply", "-within", "10m", other)).code, 0);
  t.regex(lab.ip("router", "-4 -o address show dev eth0"), /203\.0\.113\.8\/24/);
  const taken = await home.command("rollback");
  t.is(taken.code, 0, taken.stderr);
  t.regex(lab.ip("router", "-4 -o address show dev eth0"), /203\.0\.113\.9\/24/);
  t.is(await home.key("settings/config"), HOME);
  t.regex((await home.command("rollback")).stderr, /no change waits for confirmation/);
  t.is((await home.command("apply", "-within", "10m", file)).code, 0);
  const confirmed = await home.command("confirm");
  t.is(confirmed.code, 0, confirmed.stderr);
  t.false(home.isTrying());
  t.is(await home.key("settings/config"), HOME);
  await home.told("all is well", ({ code, stdout }) => code === 0 && IN_USE.test(stdout) && !WAITS.test(stdout));
  let version = "";
  await until("it is remembered", async () => {
    const { stdout } = await home.command("history");
    [, version = ""] = /^(\d+) +\S+ +\S+@/m.exec(stdout) ?? [];
    return version !== "";
  });

  // Broken by hand: the last good one stays.
  const broken = lab.write("broken.hcl", HOME.replace('"203.0.113.9/24"', '"203.0.113.900/24"'));
  t.regex((await home.command("apply", broken)).stderr, /broken\.hcl[^]*203\.0\.113\.900\/24/);
  await home.put("settings/config", broken);
  await until("it is refused", async () => ((await home.key("nodes/router")) ?? "").includes("is refused"));
  t.regex(
    (await home.command("status")).stdout,
    /problem: [^]*config, index \d+\) is refused[^]*6 \|[^]*203\.0\.113\.900/,
  );
  await until("the last good one is in force", () => home.isOnline());
  // One that reads well and fails at a step is taken back, too.
  const noSuch = lab.write("no-such.hcl", HOME.replace('"eth1"', '"eth7"'));
  t.regex((await home.command("apply", noSuch)).stderr, /eth7.*everything is as it was/);
  await until("the one before is in force", () => home.isOnline());

  t.is((await home.command("history", version)).stdout.trim(), HOME.trim());
  const again = await home.command("apply", "-auto-confirm", "-history", version);
  t.is(again.code, 0, again.stderr);
  t.is(await home.key("settings/config"), HOME);

  // The pack moves to another machine.
  router.kill("SIGTERM");
  home.machine("spare", 3);
  lab.connect(["outside", "o1"], ["spare", "eth0"]);
  lab.connect(["client", "c1"], ["spare", "eth1"]);
  home.startRouter("spare");
  await until("the other machine is the router", async () =>
    ((await home.key("nodes/spare")) ?? "").includes("203.0.113.9/24"),
  );
  t.regex((await lab.run("spare", "nft", "list", "table", "inet", "lares")).stdout, /masquerade/);
});

test("a password is a variable of the cluster: in no key, read by the router, and kept when it changes", async (t) => {
  const lab = new Lab(t);
  const home = new Household(lab);
  await home.startAgent();
  let router = home.startRouter("router");
  await until("the router is known", () => home.key("nodes/router"));
  const dsl = `pppoe {
    user              = "me@isp"
    password_variable = "nomad/jobs/router#dsl"
  }
`;
  const text = HOME.replace(/type      = "static"\n/, `type      = "pppoe"\n  ${dsl}`).replace(
    / +(address|gateway) +=.*"203.*\n/g,
    "",
  );
  const file = lab.write("dsl.hcl", text);
  const put = (value: string) =>
    lab.run("cluster", process.execPath, MAIN, "var", "put", "-force", "nomad/jobs/router", `dsl=${value}`);
  t.regex((await home.command("apply", file)).stderr, /there is no variable "nomad\/jobs\/router"/);
  t.is((await put("s3cret")).code, 0);
  const applied = await home.command("apply", "-auto-confirm", file);
  t.is(applied.code, 0, applied.stderr);
  const options = `${lab.dir}/router/run/pppd-fiber.options`;
  const told = (password: string) =>
    until(
      `pppd is told ${password}`,
      async () => existsSync(options) && readFileSync(options, "utf8").includes(`password "${password}"`),
    );
  await told("s3cret");
  t.is(await home.key("settings/config"), text, "the configuration has no secret in it");
  t.notRegex(JSON.stringify(await home.key("nodes/router")), /s3cret/);
  router.kill("SIGTERM");
  await until("the router left", async () => (await home.key("nodes/router")) === undefined);
  t.is((await put("another")).code, 0);
  router = home.startRouter("router");
  await told("another");
});

test("what stands in a key need not be ours: it is nothing then", (t) => {
  const pair = (text: string) => ({ Value: Buffer.from(text).toString("base64") });
  t.is(pairJson(pair("{"), ReplySchema), undefined);
  t.is(pairJson(pair('{"kind":"explode","id":"1"}'), RequestSchema), undefined);
  t.like(pairJson(pair('{"kind":"plan","id":"1"}'), RequestSchema), { kind: "plan", text: "", withinMs: 60_000 });
});
