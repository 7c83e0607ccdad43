import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { addressesOf, a, startUpstream, startWorld } from "../world.ts";

interface Site {
  readonly url: string;
  readonly requests: { readonly path: string; readonly etag: string | undefined }[];
  serve: (response: ServerResponse, path: string) => void;
}

async function startSite(t: ExecutionContext): Promise<Site> {
  const server = createServer((request, response) => {
    site.requests.push({ path: request.url ?? "", etag: request.headers["if-none-match"] });
    site.serve(response, request.url ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const site: Site = { url: `http://127.0.0.1:${port}`, requests: [], serve: (response) => response.end() };
  return site;
}

const lines = (count: number): string => Array.from({ length: count }, (_, n) => `0.0.0.0 ads${n}.example`).join("\n");

test("lists are downloaded, checked, counted, and swapped while questions are answered", async (t) => {
  const upstream = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.7")] }));
  const site = await startSite(t);
  site.serve = (response) => response.setHeader("etag", '"1"').end(lines(1000));
  const settings = { upstream: { servers: [upstream.address] }, lists: [{ id: 9, url: `${site.url}/list` }] };
  const world = await startWorld(t, { settings });
  const isBlocked = async (name: string) => addressesOf(await world.ask(name))[0] === "0.0.0.0";
  const update = () => world.dns.lists.update({ force: true });
  const problem = () => world.dns.lists.report()[0]?.meta?.problem;
  t.true(await isBlocked("ads999.example"));
  t.false(await isBlocked("fine.example"));
  t.like(world.dns.lists.report()[0], { id: 9, counts: { domains: 1000, abp: 0, invalid: 0 } });

  const bad: readonly (readonly [RegExp, Site["serve"]])[] = [
    [/web page/, (response) => response.end("<!doctype html><html>Sign in to the network</html>")],
    [/answered 503/, (response) => response.writeHead(503).end("busy")],
    [/it is empty/, (response) => response.end()],
    [/shrank/, (response) => response.end(lines(10))],
    [/redirects/, (response, path) => response.writeHead(302, { location: path }).end()],
    [
      /./,
      (response) => {
        response.writeHead(200, { "content-length": "100000" });
        response.write(lines(10));
        response.on("error", () => {});
        setImmediate(() => response.destroy());
      },
    ],
    [/./, (response) => response.destroy()],
  ];
  for (const [message, serve] of bad) {
    site.serve = serve;
    await update();
    t.regex(problem() ?? "", message);
    t.true(await isBlocked("ads999.example"));
  }
  site.serve = (response) => response.writeHead(304).end();
  await update();
  t.is(problem(), "");
  t.is(site.requests.at(-1)?.etag, '"1"');
  t.true(await isBlocked("ads999.example"));

  // Short lists are believed the second time.
  site.serve = (response) => response.end(lines(10));
  await update();
  await update();
  t.is(problem(), "");
  t.false(await isBlocked("ads999.example"));
  t.true(await isBlocked("ads9.example"));

  site.serve = (response) => response.end(lines(20_000));
  let asking = true;
  const answers: boolean[] = [];
  const asks = (async () => {
    while (asking) answers.push(await isBlocked("ads9.example"));
  })();
  for (let n = 0; n < 3; n++) await update();
  asking = false;
  await asks;
  t.true(answers.length > 0 && answers.every(Boolean));
  await world.change({ lists: [] });
  t.false(await isBlocked("ads9.example"));
  t.deepEqual(await world.env.disk.list(`${world.folder}/lists`), []);
});

test("lists survive a restart without the network, and redirects are followed", async (t) => {
  const site = await startSite(t);
  site.serve = (response, path) =>
    path === "/old" ? response.writeHead(301, { location: "/new" }).end() : response.end("||ads.example^\n");
  const world = await startWorld(t, { settings: { lists: [{ id: 3, url: `${site.url}/old` }] } });
  t.is(world.dns.status().blockedNames, 1);
  t.deepEqual(
    site.requests.map(({ path }) => path),
    ["/old", "/new"],
  );
  await world.change({
    lists: [
      { id: 4, url: "sample:nothing" },
      { id: 5, url: "file:///nothing/there" },
    ],
  });
  t.regex(world.dns.lists.report()[0]?.meta?.problem ?? "", /no sample list/);
  t.regex(world.dns.lists.report()[1]?.meta?.problem ?? "", /no file/);
});

test("a list that cannot be had, or is doubted, is looked for once, whatever else is changed; asked for, again", async (t) => {
  const site = await startSite(t);
  const asked = (path: string) => site.requests.filter((request) => request.path === path).length;
  site.serve = (response, path) => response.writeHead(path === "/gone" ? 404 : 200).end(lines(1000));
  const list = (id: number, path: string) => ({ id, url: `${site.url}${path}` });
  const world = await startWorld(t, { settings: { lists: [list(1, "/gone"), list(2, "/list")] } });
  t.is(asked("/gone"), 1);
  site.serve = (response) => response.end(lines(10));
  await world.dns.lists.update({ force: true });
  t.regex(world.dns.lists.report()[1]?.meta?.problem ?? "", /shrank/);
  await world.change({ rules: [{ id: 3, kind: "deny", match: "exact", text: "bad.example" }] });
  t.regex(world.dns.lists.report()[1]?.meta?.problem ?? "", /shrank/, "a change of a rule is no second opinion");
  t.deepEqual([asked("/gone"), asked("/list")], [2, 2]);
});

test("a server that is told to stop does not wait for a list that never comes", async (t) => {
  const site = await startSite(t);
  site.serve = () => {};
  const world = await startWorld(t);
  const changed = world.change({ lists: [{ id: 1, url: `${site.url}/list` }] });
  while (site.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await world.dns.stop();
  await changed;
  t.is(world.dns.status().blockedNames, 0);
});
