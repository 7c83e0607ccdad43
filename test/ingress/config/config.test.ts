import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import fc from "fast-check";
import type { Instance } from "#base/client/templates/dependency.ts";
import { buildConfig, Known, type BuildOptions } from "#ingress/config/build.ts";
import type { IngressConfig } from "#ingress/config/model.ts";
import { assignSlots, slotCommands } from "#ingress/config/slots.ts";
import { weightsOf } from "#ingress/config/weights.ts";
import { handlebarsTemplate } from "#ingress/control/handlebars-template.ts";
import { partMark } from "#ingress/control/own-template.ts";
import { Planner, type Plan } from "#ingress/control/plan.ts";
import { createRenderer, mapText } from "#ingress/control/render.ts";
import { readQuic } from "#ingress/haproxy/build-features.ts";
import { dataOf, instance } from "../catalog.ts";

const OPTIONS: Omit<BuildOptions, "known"> = {
  host: "127.0.0.1",
  httpPort: 8080,
  adminPort: 8081,
  entryPoints: {},
  snippets: true,
  store: "s",
};

function configOf(
  instances: readonly Instance[],
  keys: Readonly<Record<string, string>> = {},
  more: Partial<BuildOptions> = {},
): IngressConfig {
  return buildConfig(dataOf(instances, keys), { ...OPTIONS, known: new Known(), ...more });
}

function textOf(config: IngressConfig): string {
  const slots = new Map(config.backends.map(({ name, servers }) => [name, assignSlots(servers)]));
  return createRenderer({ maxConnections: 100 })(config, slots).text;
}

/** HAProxy's own verdict; '' when it takes the configuration. */
function refusal(config: IngressConfig, text = textOf(config)): string {
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  try {
    for (const [file, body] of [
      ...config.files,
      ...[...config.maps].map(([name, map]) => [name, mapText(map)] as const),
      ["haproxy.cfg", text] as const,
    ]) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), body);
    }
    const run = spawnSync("haproxy", ["-c", "-f", "haproxy.cfg"], { encoding: "utf8", cwd: dir });
    return run.status === 0 && !run.stderr.includes("[WARNING]") ? "" : `refused: ${run.stderr}\n${text}`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** An option's tags, and the line it must become. */
const FEATURES: readonly (readonly [tags: readonly string[], line: RegExp])[] = [
  [["lares.host=a.test", "lares.strip=/x"], /set-path %\[path,bytes\(2\)\] if \{ path -m beg -- \/x \}/],
  [["lares.path=/", "lares.prepend=/a%b"], /set-path '\/a%%b'%\[path\]/],
  [["lares.path=/", "lares.replace-path=/one"], /set-path \/one$/m],
  [["lares.path=/", "lares.set-host=in.test"], /set-header Host in\.test/],
  [
    ["lares.path=/", "lares.redirect=301,https://new.test$path"],
    /redirect location 'https:\/\/new\.test%\[pathq\]' code 301/,
  ],
  [["lares.path=/", "lares.to-https=true"], /redirect scheme https code 301 unless \{ ssl_fc \}/],
  [["lares.path=/", 'lares.set-header=X-A: it\'s %[src] "x" #1'], /set-header X-A 'it'\\''s %%\[src\] "x" #1'/],
  [["lares.path=/", "lares.delete-response-header=Server"], /http-response del-header Server/],
  [
    ["lares.path=/", "lares.sticky=who", "lares.sticky-secure=true", "lares.sticky-same-site=Lax"],
    /cookie who insert indirect nocache dynamic secure httponly attr SameSite=Lax/,
  ],
  [
    ["lares.path=/", "lares.user=ann:$5$abcdefgh$0123456789abcdef"],
    /auth realm a-[0-9a-f]{8} unless \{ http_auth\(users-a-/,
  ],
  [["lares.path=/", "lares.auth=team"], /userlist users-a-[0-9a-f]{8}\n {4}user bob password '?\$6\$/],
  [
    ["lares.path=/", "lares.allow=10.0.0.0/8,fd00::/8"],
    /deny deny_status 403 unless \{ src 10\.0\.0\.0\/8 fd00::\/8 \}/,
  ],
  [["lares.path=/", "lares.deny=192.0.2.1"], /deny deny_status 403 if \{ src 192\.0\.2\.1 \}/],
  [["lares.path=/", "lares.rate=100/1m"], /deny_status 429 if \{ sc_http_req_rate\(0\) gt 100 \}/],
  [
    ["lares.path=/", "lares.cors-origin=https://a.test", "lares.cors-credentials=true", "lares.cors-headers=X-A,X-B"],
    /return status 204 hdr Access-Control-Allow-Origin/,
  ],
  [["lares.path=/", "lares.client-ca=staff"], /ssl_c_i_dn\(CN\) -m str -- 'Staff CA'/],
  [
    ["lares.path=/", "lares.proto=https", "lares.ca=staff"],
    /ssl sni req\.hdr\(host\),field\(1,:\) verify required ca-file ca\/staff\.pem alpn http\/1\.1/,
  ],
  [["urlprefix-/ proto=https tlsskipverify=true"], /verify none/],
  [["lares.path=/", "lares.proto=grpc"], /proto h2$/m],
  [["lares.path=/", "lares.send-proxy=v2"], /send-proxy-v2$/m],
  [
    ["lares.path=/", "lares.timeout=5m", "lares.timeout-tunnel=2h"],
    /timeout server 300000ms\n {4}timeout tunnel 7200000ms/,
  ],
  [["lares.path=/", "lares.balance=leastconn"], /balance leastconn/],
  [
    ["lares.path=/", "lares.check=/health", "lares.check-interval=1s"],
    /option httpchk GET \/health[^]*check inter 1000ms/,
  ],
  [["lares.path=/", "lares.slow-start=30s"], /slowstart 30000ms/],
  [["lares.path=/", "lares.max-connections=50"], /maxconn 50$/m],
  [["lares.path=/", "lares.max-body=1000"], /deny_status 413 if \{ req\.hdr_val\(content-length\) gt 1000 \}/],
  [["lares.path=/", "lares.compress=true"], /compression algo gzip/],
  [
    ["lares.path=/", "lares.maintenance=true"],
    /txn\.services\) '<b>a<\/b>'\n[^\n]*return status 503[^\n]*lf-file pages\/maintenance\.html\n/,
  ],
  [["lares.path=/", "lares.snippet=http-request set-var(txn.mine) str(1)"], /set-var\(txn\.mine\) str\(1\)/],
  [
    [
      "lares.path-regex=^/v[0-9]+/",
      "lares.method=GET,POST",
      "lares.header=X-A=1",
      "lares.query=q",
      "lares.client=10.0.0.0/8",
    ],
    /path -m reg -- '\^\/v\[0-9\]\+\/' \} \{ method -m str -- GET POST \} \{ req\.hdr\(X-A\) -m str -- 1 \} \{ url_param\(q\) -m found \} \{ src 10\.0\.0\.0\/8 \}/,
  ],
  [["lares.host-regex=^www[.]"], /var\(txn\.host\) -m reg -- '\^www\[\.\]'/],
  [["lares.tcp=16379"], /frontend tcp-16379\n[^]*default_backend tcp-a-/],
  [["lares.tcp=16443", "lares.sni=*.db.test"], /req\.ssl_sni -m end -i -- \.db\.test/],
  [
    ["traefik.enable=true", "traefik.http.routers.r.rule=Host(`a.test`) && !Method(`GET`)"],
    /!\{ method -m str -- GET \}/,
  ],
  [
    ["traefik.tcp.routers.r.rule=HostSNI(`db.test`)", "traefik.tcp.routers.r.entrypoints=tcp-16444"],
    /frontend tcp-16444/,
  ],
];

test("HAProxy takes each feature of a route, alone and all together", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  const made = spawnSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      join(dir, "key"),
      "-subj",
      "/CN=Staff CA",
      "-days",
      "2",
    ],
    { encoding: "utf8" },
  );
  rmSync(dir, { recursive: true });
  const keys = { "s/ca/staff": made.stdout, "s/auth/team": "bob:$6$abcdefgh$0123456789\nnonsense\n" };
  for (const [tags, line] of FEATURES) {
    const config = configOf([instance("a", 1, tags)], keys);
    t.deepEqual(config.problems, [], tags.join(" "));
    t.regex(textOf(config), line, tags.join(" "));
  }
  const all = configOf(
    FEATURES.map(([tags], at) =>
      instance(
        `s${at}`,
        at + 1,
        tags.map((tag) => tag.replace(/^lares\.path=\/$/, `lares.path=/p${at}`)),
      ),
    ),
    keys,
  );
  t.is(refusal(all), "");
  t.is(refusal(configOf([])), "", "nothing exposed is a valid state");
  t.not(refusal(configOf([]), "frontend broken\n    bindd"), "", "the check itself can fail");
});

test("no tag, name or value, however hostile, breaks the configuration or adds a line to it", (t) => {
  const piece = fc.oneof(
    fc.string({ maxLength: 12, unit: "binary" }),
    fc.constantFrom(
      "\n",
      "\r\n    bind :1",
      "#",
      '"',
      "'",
      "\\",
      "$(x)",
      "${HOME}",
      "%[src]",
      "{",
      "}",
      " } {",
      "`",
      "||",
      "&&",
      "/",
      ":80",
      "a.test",
      ",",
    ),
  );
  const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(""));
  const option = fc.constantFrom(
    "host",
    "host-regex",
    "path",
    "path-exact",
    "path-regex",
    "header",
    "header-regex",
    "query",
    "set-header",
    "add-response-header",
    "strip",
    "prepend",
    "redirect",
    "set-host",
    "cors-origin",
    "user",
    "auth",
    "sticky",
    "rate",
    "allow",
    "sni",
    "check",
    "method",
    "client-ca",
    "balance",
  );
  const tag = fc.oneof(
    fc.tuple(option, text).map(([name, value]) => `lares.${name}=${value}`),
    fc.tuple(option, text).map(([name, value]) => `lares.r.${name}=/${value}`),
    fc
      .tuple(fc.constantFrom("Host", "HostRegexp", "PathPrefix", "PathRegexp", "Header", "Query"), text, text)
      .map(([name, a, b]) => `traefik.http.routers.r.rule=${name}(\`${a}\`, \`${b}\`) || PathPrefix(\`/${a}\`)`),
    text.map((value) => `urlprefix-${value}`),
    text.map((value) => `urlprefix-/${value}`),
  );
  const service = fc.tuple(text, fc.array(tag, { minLength: 1, maxLength: 4 }));
  const render = (services: readonly (readonly [string, readonly string[]])[]): IngressConfig =>
    configOf(
      [
        instance("good", 1, ["lares.host=good.test"]),
        ...services.map(([name, tags], at) => instance(`x${at}${name}`, at + 2, tags)),
      ],
      {},
      { snippets: false },
    );
  let served = 0;
  fc.assert(
    fc.property(fc.array(service, { minLength: 40, maxLength: 40 }), (services) => {
      const config = render(services);
      served += config.routes.length;
      const verdict = refusal(config);
      if (verdict !== "") throw new Error(verdict);
      const heads = textOf(config)
        .split("\n")
        .filter((line) => /^\S/.test(line) && !line.startsWith("#")).length;
      if (heads !== 2 + config.sections.length + config.backends.length) throw new Error("a tag added a section");
      if (!config.routes.some(({ backend }) => backend.startsWith("good-"))) throw new Error("the good route is gone");
    }),
    { numRuns: 12 },
  );
  t.true(served > 12 * 2, "some of them are routes");
});

test("the built-in parts are the same text through Handlebars, and stand where a template of a user's own wants them", (t) => {
  const config = configOf(FEATURES.map(([tags], at) => instance(`s${at}`, at + 1, tags)));
  const slots = new Map(config.backends.map(({ name, servers }) => [name, assignSlots(servers)]));
  const written = createRenderer({ maxConnections: 100 })(config, slots);
  const parts = "{{> global}}\n\n{{> defaults}}\n{{> sections}}\n{{> backends}}\n";
  const template = handlebarsTemplate(`# Written by the ingress; changes made here are lost.\n${parts}`);
  t.deepEqual(createRenderer({ maxConnections: 100, template })(config, slots), written);
  const followed = () => ["global", "defaults", "sections", "backends"].map(partMark).join("\n");
  t.is(
    createRenderer({ maxConnections: 100, followed })(config, slots).text.replaceAll(/\n+/g, "\n"),
    written.text.replace(/^#.*\n/, "").replaceAll(/\n+/g, "\n"),
  );
  t.throws(() => handlebarsTemplate("ok\n{{#each}"), { message: /line 2/ });
});

test("what is kept from one change to the next changes nothing of what comes out", (t) => {
  const known = new Known();
  const render = createRenderer({ maxConnections: 100 });
  const planner = new Planner({ render });
  const option = fc.constantFrom(
    "lares.sticky=true",
    "lares.client-ca=team",
    "lares.auth=team",
    "lares.snippet=x",
    "bad",
  );
  const tag = fc.constantFrom(
    "lares.host=a.test",
    "lares.host=b.test",
    "lares.path=/x",
    "lares.tcp=7000",
    "urlprefix-/x",
  );
  const service = fc.record({
    tags: fc.array(fc.oneof(tag, option), { maxLength: 4 }),
    ports: fc.array(fc.nat(3)),
    passing: fc.boolean(),
  });
  const catalogs = fc.array(fc.dictionary(fc.constantFrom("one", "two", "three"), service), {
    minLength: 2,
    maxLength: 6,
  });
  fc.assert(
    fc.property(catalogs, fc.boolean(), (rounds, hasKeys) => {
      const kept = new Map<string, readonly Instance[]>();
      let running: Plan | undefined;
      for (const [at, round] of rounds.entries()) {
        for (const [name, { tags, ports, passing }] of Object.entries(round))
          kept.set(
            name,
            ports.map((port) => ({ ...instance(name, port, tags), passing })),
          );
        const all = dataOf(
          [...kept.values()].flat(),
          hasKeys && at > 0 ? { "s/auth/team": "bob:$6$abcdefgh$0123456789abcdef" } : {},
        );
        // The same answer of the catalog is the same object.
        const data = { ...all, everyInstance: (name: string) => kept.get(name) ?? [] };
        const config = buildConfig(data, { ...OPTIONS, snippets: false, known });
        t.deepEqual(config, buildConfig(data, { ...OPTIONS, snippets: false, known: new Known() }));
        running = planner.plan(config, data, running?.slots);
        t.is(running.files.get("haproxy.cfg"), createRenderer({ maxConnections: 100 })(config, running.slots).text);
        for (const { name, servers } of config.backends)
          t.deepEqual(
            (running.slots.get(name) ?? [])
              .flatMap(({ server }) => (server === undefined ? [] : [server.key]))
              .toSorted(),
            [...new Set(servers.map(({ key }) => key))].toSorted(),
          );
      }
    }),
    { numRuns: 60 },
  );
});

test("slots: who stays keeps its place, who comes takes a free one, and only too few of them are more", (t) => {
  const server = (port: number, weight = 1) => ({ key: `h ${port}`, address: "10.0.0.1", port, weight });
  const first = assignSlots([server(1), server(2)]);
  t.deepEqual(
    first.map(({ server: one }) => one?.port),
    [1, 2, undefined, undefined],
  );
  const second = assignSlots([server(2), server(3)], first);
  t.deepEqual(
    second.map(({ server: one }) => one?.port),
    [undefined, 2, 3, undefined],
  );
  t.deepEqual(
    second.flatMap((next, at) => (first[at] === undefined ? [] : slotCommands("b", first[at], next))),
    [
      "set server b/s1 state maint",
      "set server b/s3 addr 10.0.0.1 port 3",
      "set server b/s3 weight 1",
      "set server b/s3 state ready",
    ],
  );
  t.is(
    assignSlots(
      [1, 2, 3, 4, 5].map((port) => server(port)),
      second,
    ).length,
    8,
    "grown",
  );
  t.is(assignSlots([], second).length, 4, "not shrunk");
  const sequence = fc.array(fc.uniqueArray(fc.nat({ max: 12 }), { maxLength: 12 }), { maxLength: 20 });
  fc.assert(
    fc.property(sequence, (steps) => {
      let slots = assignSlots([]);
      for (const step of steps) {
        const before = slots;
        slots = assignSlots(
          step.map((port) => server(port)),
          slots,
        );
        const held = slots.flatMap(({ server: one }) => (one === undefined ? [] : [one.port]));
        if (JSON.stringify(held.toSorted((a, b) => a - b)) !== JSON.stringify(step.toSorted((a, b) => a - b)))
          throw new Error("not those that were wanted");
        for (const [at, slot] of before.entries())
          if (
            slot.server !== undefined &&
            step.includes(slot.server.port) &&
            slots[at]?.server?.port !== slot.server.port
          )
            throw new Error("moved");
      }
    }),
  );
});

test("a canary has its part of all requests, the others the rest by their weights", (t) => {
  const members = (...shares: readonly (readonly [weight: number, part?: number])[]) =>
    shares.map(([weight, part], at) => ({ instance: instance("a", at, []), share: { weight, part, port: 0 } }));
  t.deepEqual(weightsOf(members([1], [1])), [100, 100]);
  t.deepEqual(weightsOf(members([1], [3])), [33, 99]);
  t.deepEqual(weightsOf(members([1, 0.2], [1], [1])), [128, 256, 256]);
  t.deepEqual(weightsOf(members([1, 0], [1])), [0, 256]);
  t.deepEqual(weightsOf(members([1, 0.1])), [256]);
  t.deepEqual(weightsOf([]), []);
});

test("HTTP/3 is served where HAProxy's build has it, and announced; proofs of ACME have a frontend of their own", (t) => {
  t.is(readQuic("Feature list : -51DEGREES +EPOLL -QUIC +TFO"), undefined);
  t.is(readQuic("Feature list : -51DEGREES +EPOLL +QUIC +TFO\n"), "full");
  t.is(readQuic("Feature list : +QUIC -51DEGREES +QUIC_OPENSSL_COMPAT"), "limited");
  const certificates = { files: () => new Map([["certs/list", ""]]) };
  const web = [instance("web", 1, ["lares.path=/"])];
  const https = { port: 8443, certificates };
  const modern = textOf(configOf(web, {}, { https, http3: "limited" }));
  t.regex(modern, /^global\n {4}limited-quic$/m);
  t.regex(modern, /bind quic4@127\.0\.0\.1:8443 ssl crt-list certs\/list alpn h3$/m);
  t.regex(modern, /http-after-response set-header Alt-Svc 'h3=":8443"; ma=3600'/);
  t.notRegex(textOf(configOf(web, {}, { https })), /quic|Alt-Svc/);

  const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  const proofs = { "p/a.test": pem, "p/../evil": pem, "p/b.test": 'server evil 1.2.3.4:80"' };
  const proving = configOf(web, proofs, { https, proofs: "p/" });
  t.deepEqual(
    [...proving.files.keys()].filter((file) => file.startsWith("proofs/")),
    ["proofs/a.test.pem", "proofs/list"],
  );
  t.is(proving.files.get("proofs/list"), "proofs/a.test.pem\n");
  t.regex(textOf(proving), /use_backend acme-tls if \{ req\.ssl_alpn -m sub acme-tls\/1 \}/);
  const empty = configOf(web, {}, { https: { port: 8443, certificates: { files: () => new Map() } }, proofs: "p/" });
  // It warns of the list that is still empty.
  t.notRegex(refusal(empty), /ALERT/);
});
