import { utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Child } from "#base/env/exec.ts";
import type { AuditSinkConfig } from "#base/language/agent-config/config.ts";
import type { AuditSink } from "./sink.ts";

/** RFC 5424 section 6.2.1. */
const FACILITIES: Readonly<Record<string, number>> = {
  KERN: 0,
  USER: 1,
  MAIL: 2,
  DAEMON: 3,
  AUTH: 4,
  SYSLOG: 5,
  LPR: 6,
  NEWS: 7,
  UUCP: 8,
  CRON: 9,
  AUTHPRIV: 10,
  FTP: 11,
  LOCAL0: 16,
  LOCAL1: 17,
  LOCAL2: 18,
  LOCAL3: 19,
  LOCAL4: 20,
  LOCAL5: 21,
  LOCAL6: 22,
  LOCAL7: 23,
};
const NOTICE = 5;
const APP = "lares";

/** To a syslog server over UDP, or to the machine's own. */
export async function openSyslog(env: Env, { address, facility }: AuditSinkConfig): Promise<AuditSink> {
  const known = FACILITIES[facility.toUpperCase()];
  if (known === undefined) {
    throw new CodedError(
      "audit",
      `facility ${JSON.stringify(facility)} is not known`,
      Object.keys(FACILITIES).join(", "),
    );
  }
  return address === "" ? openLocal(env, facility.toLowerCase()) : openRemote(env, address, known);
}

async function openRemote(env: Env, address: string, facility: number): Promise<AuditSink> {
  const found = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(address);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined) throw new CodedError("audit", `address ${JSON.stringify(address)} is no host:port`);
  const to = { host, port: Number(found?.[3] ?? 514) };
  const socket = await env.net.bind({ host: host.includes(":") ? "::" : "0.0.0.0", port: 0 }, () => undefined);
  const name = env.net.hostname();
  return {
    write(line) {
      const time = new Date(env.clock.nowMs()).toISOString();
      const head = `<${facility * 8 + NOTICE}>1 ${time} ${name} ${APP} - audit -`;
      socket.send(utf8(`${head} ${line.trimEnd()}`), to);
    },
    close: () => socket.close(),
  };
}

/** Node has no datagrams on Unix sockets: logger(1), which every Debian has, passes the lines on to /dev/log. */
function openLocal(env: Env, facility: string): AuditSink {
  let child: Promise<Child> | undefined;
  const start = async (): Promise<Child> => {
    const argv = ["logger", "--rfc5424", "--socket-errors=on", "--size=64KiB", "-t", APP, "-p", `${facility}.notice`];
    const started = await env.exec.spawn(argv, { env: {}, stdout: "ignore", stderr: "ignore", detached: false });
    void started.exited.then(() => (child = undefined));
    return started;
  };
  return {
    async write(line) {
      child ??= start();
      const running = await child.catch((thrown: unknown) => {
        child = undefined;
        throw thrown;
      });
      void running.write(utf8(line));
    },
    async close() {
      const running = await child?.catch(() => undefined);
      running?.endInput();
      await running?.exited;
    },
  };
}
