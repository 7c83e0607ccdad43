import type { Scenario } from "../scenario.ts";
import { messages } from "./messages.ts";
import { controlPath, lifecycle, scheduler } from "./scheduler.ts";
import { storeCrash } from "./store-crash.ts";
import { templates } from "./templates/templates.ts";

export const scenarios: readonly Scenario[] = [storeCrash, messages, scheduler, lifecycle, controlPath, templates];
