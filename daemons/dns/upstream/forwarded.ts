import type { Settings } from "../settings/settings.ts";
import type { UpstreamReply } from "./reply-reader.ts";

export type ForwardMode = Settings["upstream"]["mode"];

export interface ForwardOptions {
  readonly mode: ForwardMode;
  readonly timeoutMs: number;
  readonly randomCase: boolean;
}

export interface Forwarded {
  readonly reply: UpstreamReply;
  /** As it is written in the settings. */
  readonly upstream: string;
}
