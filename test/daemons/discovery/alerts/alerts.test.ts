import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import test from "ava";
import fc from "fast-check";
import { freePort } from "#test/free-ports.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { quietMs } from "#daemons/discovery/alerts/alert-rule.ts";
import { mailMessage } from "#daemons/discovery/alerts/mail-message.ts";
import { call, startNode, tempFolder, until } from "../node.ts";

test("each transition is told once, whoever watches, with reminders until somebody acknowledges", async (t) => {
  const told: { alert: { Status: string; CheckID: string }; kind: string }[] = [];
  const hook = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      told.push(JSON.parse(Buffer.concat(parts).toString()));
      response.end();
    });
  });
  hook.listen(0, "127.0.0.1");
  await once(hook, "listening");
  t.teardown(() => hook.close());
  const webhook = `http://127.0.0.1:${(hook.address() as { port: number }).port}/`;
  const rule = { name: "ops", services: ["we*"], nodes: [], checks: [], on: ["critical" as const], quiet: "" };
  const alerts = [{ ...rule, afterMs: 200, remindMs: 150, webhook, slack: "", command: [] }];
  const store = new MemoryStore();
  const one = await startNode(t, { alerts }, { store });
  await startNode(t, { alerts, nodeName: "node-b" }, { store });
  const { url } = one;
  for (const Name of ["web", "db"])
    await call(`${url}/v1/agent/service/register`, "PUT", { Name, Check: { TTL: "1h", Status: "passing" } });
  await call(`${url}/v1/agent/check/fail/service:db`, "PUT");
  await call(`${url}/v1/agent/check/fail/service:web?note=disk+full`, "PUT");
  await until(() => told.some(({ kind }) => kind === "reminder"), "a reminder");
  t.like(told[0], { kind: "transition", alert: { Status: "critical", CheckID: "service:web", Output: "disk full" } });
  const [{ ID, AcknowledgedBy }] = (await call(`${url}/v1/alerts`)).json;
  t.deepEqual([ID, AcknowledgedBy], ["ops/node-a/service:web", ""]);
  t.is((await call(`${url}/v1/alerts-acknowledge/${ID}`, "PUT")).json, true);
  t.is((await call(`${url}/v1/alerts-acknowledge/ops/none`, "PUT")).status, 404);
  await call(`${url}/v1/agent/check/pass/service:web`, "PUT");
  await until(() => told.some(({ alert }) => alert.Status === "passing"), "the recovery");
  const transitions = told.filter(({ kind }) => kind === "transition").map(({ alert }) => alert.Status);
  t.deepEqual(transitions, ["critical", "passing"]);
  await until(async () => (await call(`${url}/v1/alerts-log`)).json.length >= 4, "the history");
  const log = (await call(`${url}/v1/alerts-log`)).json;
  t.true(log.some(({ Kind }: { Kind: string }) => Kind === "acknowledged"));
  t.true(log.every(({ Problem }: { Problem: string }) => Problem === ""));
});

test("alerts go out as mail that any server takes, and nothing in them becomes a header", async (t) => {
  const folder = await tempFolder(t);
  const port = await freePort();
  const args = ["-n", "-l", `127.0.0.1:${port}`, "-c", "aiosmtpd.handlers.Mailbox", `${folder}/mail`];
  const server = spawn("aiosmtpd", args, { stdio: "ignore" });
  t.teardown(() => server.kill());
  const email = {
    to: ["noc@example.org", "On call <oncall@example.org>"],
    from: "Lares <lares@example.org>",
    server: `smtp://127.0.0.1:${port}`,
    user: "",
    password: "",
    tls: false,
  };
  const rule = { name: "ops", services: [], nodes: [], checks: ["odd"], on: ["critical" as const], quiet: "" };
  const alerts = [{ ...rule, afterMs: 0, remindMs: 0, webhook: "", slack: "", command: [], email }];
  await until(() => reached(port), "the mail server");
  const { url } = await startNode(t, { alerts, dataDir: folder });
  const Name = "Füllstand\r\nBcc: everybody@example.org";
  await call(`${url}/v1/agent/check/register`, "PUT", { ID: "odd", Name, TTL: "1h", Status: "passing" });
  await call(`${url}/v1/agent/check/fail/odd?note=${encodeURIComponent("92 %\nof the disk")}`, "PUT");
  const mails = async () => readdir(`${folder}/mail/new`).catch((): string[] => []);
  await until(async () => (await mails()).length > 0, "the mail");
  const [file = ""] = await mails();
  const mail = await readFile(`${folder}/mail/new/${file}`, "utf8");
  const [head = "", body = ""] = mail.split("\n\n");
  t.regex(head, /^From: Lares <lares@example\.org>$/m);
  t.regex(head, /^X-RcptTo: noc@example\.org, oncall@example\.org$/m);
  t.notRegex(head, /^Bcc/m);
  const subject = /^Subject: ((?:.+\n )*.+)$/m.exec(head)?.[1] ?? "";
  const words = subject.split("\n ").map((word) => /^=\?UTF-8\?B\?(.+)\?=$/.exec(word.trim())?.[1] ?? "");
  t.regex(Buffer.concat(words.map((word) => Buffer.from(word, "base64"))).toString(), /^\[critical\] Füllstand/);
  const text = Buffer.from(body, "base64").toString();
  t.regex(text, /is critical: 92 %\nof the disk/);
  t.regex(text, /node: node-a\ncheck: odd/);
  await until(async () => (await readdir(`${folder}/alerts`)).length === 0, "nothing of it stays");
  server.kill();
  await call(`${url}/v1/agent/check/pass/odd`, "PUT");
  await until(
    async () =>
      (await call(`${url}/v1/alerts-log`)).json.some(({ Problem }: { Problem: string }) =>
        Problem.startsWith("email: curl"),
      ),
    "it is told",
  );
});

test("any text makes a message whose lines are short and whose headers are its own", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (subject, text) => {
      const message = mailMessage({ from: "a@b", to: ["c@d"], subject, text, id: "1@b", atMs: 0 });
      const [head = "", ...rest] = message.split("\r\n\r\n");
      const names = head
        .split("\r\n")
        .filter((line) => !line.startsWith(" "))
        .map((line) => line.split(":")[0]);
      t.deepEqual(names, [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
      ]);
      t.true(message.split("\r\n").every((line) => line.length < 998));
      t.is(Buffer.from(rest.join(""), "base64").toString(), Buffer.from(text).toString());
    }),
  );
});

test("quiet hours last until their end, over midnight too", (t) => {
  const at = (text: string): number => Date.parse(`2026-01-01T${text}Z`);
  t.is(quietMs("22:00-07:00", at("23:30:00")), 7.5 * 3_600_000);
  t.is(quietMs("22:00-07:00", at("06:59:00")), 60_000);
  t.is(quietMs("22:00-07:00", at("07:00:00")), 0);
  t.is(quietMs("08:00-09:00", at("08:30:00")), 1_800_000);
  t.is(quietMs("", at("08:30:00")), 0);
});

function reached(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
