/** One act. Nothing goes through a shell, and nothing secret is in `argv`. */
export interface Step {
  /** For people: what changes. */
  readonly title: string;
  readonly argv: readonly string[];
  readonly input?: string;
  /** It may fail: what it takes away may be gone already. */
  readonly lenient?: boolean;
  /** An interface that comes and goes by itself: once it is gone, the step may fail. */
  readonly fleeting?: string;
}
