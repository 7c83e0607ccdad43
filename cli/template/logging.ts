import { spawn } from "node:child_process";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import type { LogLevel } from "#base/env/log.ts";
import type { TemplateToolConfig } from "./config/schema.ts";
import { CodedError } from "#base/env/errors.ts";

type LogConfig = Pick<TemplateToolConfig, "logLevel" | "logFile" | "syslog">;

const FACILITIES = "KERN USER MAIL DAEMON AUTH SYSLOG LPR NEWS UUCP CRON AUTHPRIV FTP".split(" ");
/** RFC 5424, section 6.2.1. */
const SEVERITIES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/** The environment of a tool, its log going where the configuration says. `close` gives everything back. */
export function toolEnv(config: LogConfig, name: string): SystemEnv {
  const { logLevel, logFile, syslog } = config;
  const { path, rotateBytes, rotateMs, maxFiles } = logFile;
  const env = createEnv({ logLevel, ...(path === "" ? {} : { logFile: { path, rotateBytes, rotateMs, maxFiles } }) });
  const wantsSyslog = syslog.enabled ?? (syslog.facility !== undefined && syslog.facility !== null);
  if (!wantsSyslog) return env;
  const facility = facilityNumber(syslog.facility ?? "LOCAL0");
  // logger(1) speaks whatever the machine's syslog speaks.
  const logger = spawn("logger", ["--prio-prefix", "-t", syslog.name ?? name], { stdio: ["pipe", "ignore", "ignore"] });
  logger.on("error", (error) => env.log.warn("cannot send the log to syslog", { error: error.message }));
  logger.stdin.on("error", () => {});
  const end = env.logHub.subscribe(logLevel, ({ level, message, fields }) => {
    const more = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    logger.stdin.write(`<${facility * 8 + SEVERITIES[level]}>${message}${more.join("")}\n`);
  });
  return {
    ...env,
    close() {
      end();
      logger.stdin.end();
      env.close();
    },
  };
}

function facilityNumber(name: string): number {
  const upper = name.toUpperCase();
  const local = /^LOCAL([0-7])$/.exec(upper)?.[1];
  if (local !== undefined) return 16 + Number(local);
  const number = FACILITIES.indexOf(upper);
  if (number >= 0) return number;
  throw new CodedError(
    "template_config",
    `there is no syslog facility ${JSON.stringify(name)}`,
    "for example LOCAL0 or DAEMON",
  );
}
