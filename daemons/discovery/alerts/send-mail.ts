import { join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { mailMessage } from "./mail-message.ts";

/** Where mail is handed in. */
export interface MailRoute {
  readonly to: readonly string[];
  readonly from: string;
  /** `smtps://HOST[:PORT]`, or `smtp://HOST[:PORT]` (with STARTTLS, unless `tls` is false). */
  readonly server: string;
  readonly user: string;
  readonly password: string;
  /** Default true: a server that does not encrypt gets nothing. */
  readonly tls: boolean;
}

const TIMEOUT_MS = 30_000;
const OWNER_READS = 0o600;

/** By curl, which speaks SMTP and all its dialects of TLS and logging in. Rejects with what the server said. */
export async function sendMail(
  env: Env,
  route: MailRoute,
  mail: { readonly subject: string; readonly text: string; readonly folder: string },
): Promise<void> {
  const id = env.random.uuid();
  const host = env.net.hostname();
  const file = join(mail.folder, `alert-${id}.eml`);
  const { from, to } = route;
  const message = mailMessage({ ...mail, from, to, id: `${id}@${host}`, atMs: env.clock.nowMs() });
  await env.disk.makeDir(mail.folder);
  await env.disk.replace(file, message, { mode: OWNER_READS });
  try {
    // Its settings come over standard input: the password is in no list of processes and in no file.
    const argv = ["curl", "--config", "-"];
    const input = settings(route, { file, host });
    const done = await env.exec.run(argv, { input, timeoutMs: TIMEOUT_MS, maxOutputBytes: 4096 });
    if (done.code !== 0 || done.signal !== 0) throw new Error(done.stderr.trim() || `curl ended with ${done.code}`);
  } finally {
    await env.disk.remove(file);
  }
}

function settings(route: MailRoute, { file, host }: { readonly file: string; readonly host: string }): string {
  const lines = [
    "silent",
    "show-error",
    `url = ${quoted(`${route.server.replace(/\/+$/, "")}/${host}`)}`,
    `mail-from = ${quoted(addressOf(route.from))}`,
    ...route.to.map((each) => `mail-rcpt = ${quoted(addressOf(each))}`),
    `upload-file = ${quoted(file)}`,
    `max-time = ${TIMEOUT_MS / 1000 - 1}`,
    ...(route.tls ? ["ssl-reqd"] : []),
    ...(route.user === "" ? [] : [`user = ${quoted(`${route.user}:${route.password}`)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** As curl's configuration files quote. */
function quoted(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\r", "\\r");
  return `"${escaped.replaceAll("\n", "\\n").replaceAll("\t", "\\t")}"`;
}

/** `Lares <lares@example.org>` → `lares@example.org` */
function addressOf(mailbox: string): string {
  return /<([^<>]+)>\s*$/.exec(mailbox)?.[1] ?? mailbox.trim();
}
