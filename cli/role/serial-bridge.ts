import type { Address } from "#base/env/net.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";
import { createSerialPorts } from "#base/platform/serial-ports.ts";
import { createBridge, type Bridge } from "#daemons/serial-bridge/create-bridge.ts";
import type { LoggedLine } from "#daemons/serial-bridge/line-log.ts";
import { parseSettings } from "#daemons/serial-bridge/settings.ts";
import type { Role } from "./role.ts";
import { portOf } from "./task-port.ts";

type Task = Readonly<Record<string, string>>;

/**
 * One serial port for many. The port is the task's device (`resources { device "serial" {} }`), else `LARES_SERIAL_PORT`;
 * how it is set: `LARES_SERIAL_BAUD` (115200), `LARES_SERIAL_FORMAT` (8N1), `LARES_SERIAL_FLOW` (none). It listens on the
 * task's ports labelled `telnet` (RFC 2217), `raw` and `http`. Lines go to standard output unless
 * `LARES_SERIAL_LOG=off`.
 */
export async function serialBridgeRole(env: SystemEnv, task: Task): Promise<Result<Role>> {
  const path = task["LARES_SERIAL_PORT"] ?? task["NOMAD_DEVICE_SERIAL"]?.split(",")[0];
  if (path === undefined)
    return fail(
      "serial_environment",
      "the serial bridge was given no device",
      'ask for one, resources { device "serial" {} }, or set LARES_SERIAL_PORT=/dev/ttyUSB0',
    );
  const settings = parseSettings({
    baud: task["LARES_SERIAL_BAUD"] ?? "",
    format: task["LARES_SERIAL_FORMAT"] ?? "",
    flow: task["LARES_SERIAL_FLOW"] ?? "",
  });
  if (!settings.ok) return settings;
  const [telnet, raw, http] = [portOf(task, "telnet"), portOf(task, "raw"), portOf(task, "http")];
  if (telnet === undefined && raw === undefined && http === undefined)
    return fail(
      "serial_environment",
      "the serial bridge found none of its ports telnet, raw and http",
      'give its group network { port "telnet" {} }',
    );
  const onLine = task["LARES_SERIAL_LOG"] === "off" ? () => {} : print;
  try {
    const deps = { env, ports: createSerialPorts(), path, settings: settings.value, telnet, raw, onLine };
    return succeed(await serve(env, await createBridge(deps), http));
  } catch (thrown) {
    return fail("serial_listen", messageOf(thrown), "give its group other ports");
  }
}

async function serve(env: SystemEnv, bridge: Bridge, at: Address | undefined): Promise<Role> {
  let listener: HttpListener | undefined;
  try {
    listener = at === undefined ? undefined : await listenHttp({ at, exchange: bridge.exchange, log: env.log });
  } catch (thrown) {
    await bridge.stop();
    throw thrown;
  }
  return {
    stop: async () => {
      await listener?.close(0);
      await bridge.stop();
    },
  };
}

function print({ timeMs, text }: LoggedLine): void {
  process.stdout.write(`${new Date(timeMs).toISOString()} ${text}\n`);
}
