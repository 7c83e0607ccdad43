import type { Scenario } from "../scenario.ts";
import { avalanche } from "./dhcp/avalanche.ts";
import { dhcp } from "./dhcp/dhcp.ts";
import { etcdServers } from "./etcd-servers.ts";
import { messages } from "./messages.ts";
import { controlPath, lifecycle, scheduler } from "./scheduler.ts";
import { storeCrash } from "./store-crash.ts";
import { templates } from "./templates/templates.ts";

export const scenarios: readonly Scenario[] = [
  storeCrash,
  etcdServers,
  messages,
  scheduler,
  lifecycle,
  controlPath,
  templates,
  dhcp,
  avalanche,
];
