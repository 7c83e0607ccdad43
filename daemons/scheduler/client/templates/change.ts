import type { Template } from "#base/protocol/task.ts";

/** What becomes of a task after some of its templates changed. */
export interface ChangePlan {
  readonly restart: boolean;
  /** Each once. */
  readonly signals: readonly string[];
  readonly scripts: readonly NonNullable<Template["ChangeScript"]>[];
  /** At most this long is waited, by chance. */
  readonly splayMs: number;
}

/** A restart makes signals pointless; scripts run in the order of the blocks. */
export function planChange(changed: readonly Template[]): ChangePlan {
  const restart = changed.some(({ ChangeMode }) => ChangeMode === "restart");
  const signals = new Set(changed.filter(({ ChangeMode }) => ChangeMode === "signal").map((each) => each.ChangeSignal));
  const scripts = changed.flatMap(({ ChangeMode, ChangeScript }) =>
    ChangeMode === "script" && ChangeScript !== null ? [ChangeScript] : [],
  );
  const acting = changed.filter(({ ChangeMode }) => ChangeMode !== "noop");
  return {
    restart,
    signals: restart ? [] : [...signals],
    scripts: restart ? [] : scripts,
    splayMs: Math.max(0, ...acting.map(({ Splay }) => Splay / 1e6)),
  };
}
