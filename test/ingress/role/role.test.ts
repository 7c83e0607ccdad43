import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import test, { type ExecutionContext } from "ava";
import { freePorts } from "#test/free-ports.ts";
import { createConsulClient } from "#base/client/consul-client.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { Owners } from "#ingress/control/owners.ts";
import { testAgent, until, type TestAgent } from "../../scenario/agent.ts";
import { ask, site } from "../live.ts";
import { putKey, register, startRole, type RoleOptions, type RoleProcess } from "../role-process.ts";

let agent: TestAgent;

test.before(async (t) => {
  t.timeout(60_000);
  agent = await testAgent();
});

test.after.always(() => agent.remove());

async function role(t: ExecutionContext, options: RoleOptions, beside = agent): Promise<RoleProcess> {
  t.timeout(120_000);
  const started = await startRole(beside, options);
  t.teardown(() => started.stop());
  return started;
}

async function served(t: ExecutionContext, text: string): Promise<number> {
  const { port, server } = await site(text);
  t.teardown(() => server.close());
  return port;
}

const SLIDE = (port: number): string => `defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend all
    bind 127.0.0.1:${port}
    default_backend web
backend web
{{range service "web"}}
    server {{.Node}} {{.Address}}:{{.Port}}
{{end}}
`;

test("a consul-template file takes the built-in one's place, and follows the catalog", async (t) => {
  const [port = 0] = await freePorts(1);
  const [one, two] = [await served(t, "one"), await served(t, "two")];
  await register(agent, { name: "web", id: "w1", node: "alpha", port: one });
  const running = await role(t, {
    node: "slide",
    env: { LARES_INGRESS_TEMPLATE: "local/haproxy.ctmpl" },
    files: { "haproxy.ctmpl": SLIDE(port) },
  });
  await until("the only instance answers", async () => (await ask(port, "/")) === "200 one");
  await register(agent, { name: "web", id: "w2", node: "beta", port: two });
  const both = new Set<string>();
  await until("both answer", async () => both.add(await ask(port, "/")).size === 2 && both.has("200 two"));
  const text = readFileSync(join(running.dir, "haproxy.cfg"), "utf8");
  t.regex(text, new RegExp(`server alpha 127.0.0.1:${one}\\n`));
  t.regex(text, new RegExp(`server beta 127.0.0.1:${two}\\n`));

  // Two servers of one name: HAProxy refuses them, and goes on as it was.
  await register(agent, { name: "web", id: "w3", node: "beta", port: one });
  await until("it is refused, and told", async () => /refused the new/.test((await running.status()).failure));
  t.regex(await ask(port, "/"), /^200 (?:one|two)$/);
  t.is(readFileSync(join(running.dir, "haproxy.cfg"), "utf8"), text);
});

test("a consul-template file adds to the built-in one: its parts, its routes in the running process, and keys", async (t) => {
  const [port = 0] = await freePorts(1);
  const shop = await served(t, "shop");
  await putKey(agent, "motd", "first");
  await register(agent, { name: "shop", port: shop, tags: ["lares.path=/shop"] });
  const running = await role(t, {
    node: "extended",
    env: { LARES_INGRESS_TEMPLATE: "local/haproxy.ctmpl" },
    files: {
      "haproxy.ctmpl": `{{template "global"}}
{{template "defaults"}}
{{template "sections"}}
{{template "backends"}}
frontend motd
    bind 127.0.0.1:${port}
    http-request return status 200 content-type text/plain string {{ key "motd" }}
`,
    },
  });
  await until("its own part", async () => (await ask(port, "/")) === "200 first");
  await until("the built-in part", async () => (await ask(running.http, "/shop")) === "200 shop");
  await until("it says so", () => running.said().includes("HAProxy: started"));
  const before = running.said().length;
  const more = await served(t, "more");
  await register(agent, { name: "shop", id: "shop2", port: more, tags: ["lares.path=/shop"] });
  const seen = new Set<string>();
  await until("a new instance answers", async () => seen.add(await ask(running.http, "/shop")).has("200 more"));
  await until("it says by which way", () => running.said().slice(before).includes("HAProxy: commands"));
  t.notRegex(running.said().slice(before), /HAProxy: reloaded/);
  await putKey(agent, "motd", "second");
  await until("a key that changes", async () => (await ask(port, "/")) === "200 second");
});

test("a Handlebars file adds to the built-in one, and what it asks for is followed", async (t) => {
  const [port = 0] = await freePorts(1);
  const [one, two] = [await served(t, "one"), await served(t, "two")];
  await putKey(agent, "colour", "red");
  const running = await role(t, {
    node: "handlebars",
    env: { LARES_INGRESS_TEMPLATE: "local/haproxy.hbs" },
    files: {
      "haproxy.hbs": `{{> global}}
{{> defaults}}
{{> sections}}
{{> backends}}
frontend own
    bind 127.0.0.1:${port}
    http-response set-header X-Colour "{{kv "colour"}}"
    default_backend own
backend own
{{#each (service "plain")}}
    server {{node}} {{address}}:{{port}}
{{/each}}
`,
    },
  });
  await register(agent, { name: "plain", id: "p1", node: "gamma", port: one });
  await until("an instance without any tag", async () => (await ask(port, "/")) === "200 one");
  await putKey(agent, "colour", "blue");
  const colour = async (): Promise<string | null | undefined> => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    return answer?.headers.get("x-colour");
  };
  await until("a key", async () => (await colour()) === "blue");
  await register(agent, { name: "plain", id: "p1", node: "gamma", port: two });
  await until("an instance that moved", async () => (await ask(port, "/")) === "200 two");
  t.is((await running.status()).failure, "");
});

test("a template that cannot be read is refused with its line", async (t) => {
  for (const [name, text, said] of [
    ["a.ctmpl", 'ok\n{{range service "web"}}', /a\.ctmpl:2/],
    ["a.hbs", "ok\n{{#each}", /line 2/],
  ] as const) {
    const running = await role(t, {
      node: "broken",
      env: { LARES_INGRESS_TEMPLATE: `local/${name}` },
      files: { [name]: text },
    });
    await until("it ended", () => running.child.exitCode !== null);
    t.not(running.child.exitCode, 0);
    t.regex(running.said(), said);
  }
});

const ChecksSchema = v.array(v.object({ CheckID: v.string(), Status: v.string(), Output: v.string() }));

/** What an ingress has said to the owner of a service; undefined: nothing. */
async function told(agent: TestAgent, service: string, ingress = "ingress") {
  const answer = await fetch(`${agent.consul}/v1/health/checks/lares-ingress-routes`);
  const checks = v.parse(ChecksSchema, await answer.json());
  return checks.find(({ CheckID }) => CheckID === `lares-ingress-routes:${service}:${ingress}`);
}

const EventsSchema = v.array(v.object({ Name: v.string(), Payload: v.nullable(v.string()) }));

test("a setting that means nothing ends the role with its name, and what it may be", async (t) => {
  const wrong = [
    [
      { LARES_INGRESS_ACME_CHALLENGE: "http-01, dns01" },
      /LARES_INGRESS_ACME_CHALLENGE must be one of http-01, .*"http-01, dns01"/,
    ],
    [{ LARES_INGRESS_MAX_CONNECTIONS: "many" }, /LARES_INGRESS_MAX_CONNECTIONS must be a number from 1 to .*"many"/],
    [{ LARES_INGRESS_ACCEPT_PROXY: "yes" }, /LARES_INGRESS_ACCEPT_PROXY must be one of true, false, got "yes"/],
  ] as const;
  for (const [env, said] of wrong) {
    const running = await role(t, { node: "wrong", env });
    await until("it has ended", () => running.child.exitCode !== null);
    t.is(running.child.exitCode, 1);
    t.regex(running.said(), said);
  }
});

test("what is refused reaches the owner of the service: a check, an event, and an end of both when it is mended", async (t) => {
  // Of its own: the other tests' ingresses would tell that node's agent what they think of these services.
  const own = await testAgent();
  t.teardown(() => own.remove());
  const running = await role(t, { node: "owners", env: { LARES_INGRESS_SNIPPETS: "true" } }, own);
  const port = await served(t, "fine");
  const tags = ["lares.path=/fine", "lares.bad.hots=x"];
  await register(own, { name: "owned", port, tags });
  await register(own, { name: "refused", port, tags: ["lares.path=/refused", "lares.snippet=nonsense here"] });
  const of = (service: string) => told(own, service);
  await until("its owner has a check", async () => (await of("owned"))?.Status === "warning");
  t.regex((await of("owned"))?.Output ?? "", /tag "lares\.bad\.hots=x"/);
  await until("what HAProxy refuses, too", async () => /nonsense/.test((await of("refused"))?.Output ?? ""));
  t.is(await ask(running.http, "/fine"), "200 fine", "everything else is served");
  await until("there is an event", async () => {
    const events = v.parse(EventsSchema, await (await fetch(`${own.consul}/v1/event/list`)).json());
    return events.some(
      ({ Name, Payload }) =>
        Name === "lares-ingress-problem" &&
        Buffer.from(Payload ?? "", "base64")
          .toString("utf8")
          .includes('"service":"refused"'),
    );
  });
  await register(own, { name: "owned", port, tags: ["lares.path=/fine"] });
  await until("it is over", async () => (await of("owned")) === undefined);
  t.truthy(await of("refused"));
  // What an ingress says of itself is published a second later.
  let status = await own.lares("ingress", "status");
  await until("its status says so, too", async () => {
    status = await own.lares("ingress", "status");
    return status.stdout.includes("refused: HAProxy refuses */refused");
  });
  t.is(status.code, 1);
});

test("two ingresses on one node: each takes back what it said itself, and what one that was killed said under its name", async (t) => {
  const own = await testAgent();
  t.teardown(() => own.remove());
  const outer = await role(t, { node: "both", env: { LARES_INGRESS_SNIPPETS: "true" } }, own);
  const inner = await role(t, { node: "both", env: { NOMAD_JOB_NAME: "inner" } }, own);
  const port = await served(t, "x");
  await register(own, { name: "both", port, tags: ["lares.path=/both", "lares.snippet=nonsense here"] });
  await until("one says what HAProxy refuses", async () => /nonsense/.test((await told(own, "both"))?.Output ?? ""));
  await until("the other, that it takes no such lines", async () =>
    /does not take/.test((await told(own, "both", "inner"))?.Output ?? ""),
  );
  await until("each has a status", async () =>
    (await Promise.all([outer.status(), inner.status()])).every(({ problems }) => problems.length === 1),
  );
  const shown = await own.lares("ingress", "status");
  t.regex(shown.stdout, /inner on both/);
  t.regex(shown.stdout, /ingress on both/);
  await inner.stop();
  t.is(await told(own, "both", "inner"), undefined);
  t.is((await told(own, "both"))?.Status, "warning", "the other's stands");

  const env = createEnv({ logToStderr: false });
  const consul = createConsulClient({
    http: env.http,
    address: { origin: own.consul, socketPath: undefined },
    token: "",
  });
  const [killed, next] = [0, 1].map(() => new Owners({ env, consul, node: "both", name: "third" }));
  t.teardown(async () => {
    await Promise.all([killed?.stop(), next?.stop()]);
    env.close();
  });
  killed?.tell([{ service: "both", code: "x", message: "what is over by then" }]);
  await until("it is told", async () => /is over/.test((await told(own, "both", "third"))?.Output ?? ""));
  next?.tell([]);
  await until("its successor takes it back", async () => (await told(own, "both", "third")) === undefined);
  t.is((await told(own, "both"))?.Status, "warning");
});
