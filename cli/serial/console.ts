import { CodedError, messageOf } from "#base/env/errors.ts";
import { parseDuration } from "#base/language/duration.ts";
import { createSerialPorts } from "#base/platform/serial-ports.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { parseSettings } from "#daemons/serial-bridge/settings.ts";
import { watchForEscape } from "../alloc/escape.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul, type ConsulSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";

/** Bytes both ways, wherever the port is. */
interface Connection {
  onData(handler: (data: Uint8Array) => void): void;
  /** With why, when it was not asked for. */
  onClose(handler: (why: string) => void): void;
  write(data: Uint8Array): Promise<void>;
  close(): Promise<void> | void;
}

/** `/dev/ttyUSB0` is a port of this machine, `http://HOST:PORT` a bridge, anything else a bridge's service. */
export const console = withConsul(async (session) => {
  const [port, more] = session.operands;
  if (port === undefined || more !== undefined) throw new UsageError("name one port: lares serial ls shows them");
  const escape = session.flags.value("e") ?? "~";
  if (escape !== "none" && escape.length !== 1) throw new UsageError(`-e takes one character or none, not "${escape}"`);
  const connection = port.startsWith("/") ? await openPort(session, port) : await openBridge(session, port);
  session.output.error(`Connected to ${port}${escape === "none" ? "" : `; ${escape}. leaves`}`);
  return attach(connection, { escape, limitMs: limitOf(session) });
});

function limitOf({ flags }: ConsulSession): number | undefined {
  const text = flags.value("for");
  if (text === undefined) return undefined;
  const ns = parseDuration(text);
  if (ns === undefined) throw new UsageError(`-for takes a duration such as 10s, not "${text}"`);
  return ns / 1e6;
}

async function openPort({ flags }: ConsulSession, path: string): Promise<Connection> {
  const settings = parseSettings({
    baud: flags.value("baud") ?? "",
    format: flags.value("format") ?? "",
    flow: flags.value("flow") ?? "",
  });
  if (!settings.ok) throw new UsageError(`${settings.error.message}: ${settings.error.hint ?? ""}`);
  try {
    const line = await createSerialPorts().open(path, settings.value);
    return {
      onData: (handler) => line.onData(handler),
      onClose: (handler) => line.onClose((error) => handler(error?.message ?? "")),
      write: (data) => line.write(data),
      close: () => line.close(),
    };
  } catch (thrown) {
    throw new CodedError(
      "serial_open",
      `cannot open ${path}: ${messageOf(thrown)}`,
      "lares serial ls -local shows ports",
    );
  }
}

async function openBridge(session: ConsulSession, name: string): Promise<Connection> {
  const origin = /^https?:\/\//.test(name) ? name.replace(/\/+$/, "") : await originOf(session, name);
  const dialed = await dialWebSocket({ url: `${origin}/v1/stream` });
  if (dialed.kind !== "open") {
    const why = `${origin} answered ${dialed.response.status}`;
    throw new CodedError("serial_bridge", `${name} is no serial bridge: ${why}`, "name its service or its http port");
  }
  const { channel } = dialed;
  return {
    onData: (handler) => channel.onMessage((data) => handler(data)),
    onClose: (handler) => channel.onClose((code, reason) => handler(code === 1000 ? "" : reason || `code ${code}`)),
    write: (data) => channel.sendBytes(data),
    close: () => channel.close(),
  };
}

/** Of the service that a bridge's pack registers beside its own. */
async function originOf({ consul, datacenter }: ConsulSession, name: string): Promise<string> {
  for (const service of [`${name}-http`, name]) {
    const found = valueOf(await consul.health.service(service, { passing: true, tag: "http", datacenter }));
    const [first] = found;
    if (first === undefined) continue;
    const host = first.Service.Address || first.Node.Address;
    return `http://${host.includes(":") ? `[${host}]` : host}:${first.Service.Port}`;
  }
  const hint = "lares job run packs/serial-bridge/serial-bridge.nomad.hcl starts one";
  throw new CodedError("serial_bridge", `no healthy bridge is called ${JSON.stringify(name)}`, hint);
}

/** Joins this program's input and output to the port. */
async function attach(
  connection: Connection,
  { escape, limitMs }: { readonly escape: string; readonly limitMs: number | undefined },
): Promise<number> {
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY;
  const watch =
    isTerminal && escape !== "none" ? watchForEscape(escape) : (data: Buffer) => ({ pass: data, leave: false });
  let left = false;
  const leave = (): void => {
    left = true;
    void connection.close();
  };
  const onInput = (data: Buffer): void => {
    const { pass, leave: wanted } = watch(data);
    if (wanted) return leave();
    if (pass.length === 0) return;
    // The port takes it at its own pace.
    stdin.pause();
    void connection.write(pass).then(
      () => stdin.resume(),
      () => stdin.resume(),
    );
  };
  const timer = limitMs === undefined ? undefined : setTimeout(leave, limitMs);
  if (isTerminal) stdin.setRawMode(true);
  try {
    return await new Promise<number>((resolve, reject) => {
      connection.onData((data) => void stdout.write(data));
      connection.onClose((why) => {
        if (left) resolve(0);
        else reject(new CodedError("serial_closed", `the port is gone${why === "" ? "" : `: ${why}`}`));
      });
      stdin.on("data", onInput);
    });
  } finally {
    clearTimeout(timer);
    stdin.off("data", onInput);
    if (isTerminal) stdin.setRawMode(false);
    stdin.pause();
    stdin.unref();
  }
}
