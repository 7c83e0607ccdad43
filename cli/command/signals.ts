/** Resolves with the first of the signals that arrives; further ones are ignored from then on. Keeps the process alive. */
export function untilSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 2 ** 30);
    for (const signal of signals) {
      process.on(signal, () => {
        clearInterval(alive);
        resolve(signal);
      });
    }
  });
}
