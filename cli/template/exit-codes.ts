/** What consul-template and envconsul end with, unless it is their program's own code. */
export const EXIT = { ok: 0, error: 11, interrupt: 12, flags: 13, runner: 14, config: 15 } as const;
