/** A measurement as it stands now. Dots in its name; Prometheus's text form has underscores instead. */
export interface Gauge {
  readonly Name: string;
  readonly Value: number;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Measures when it is asked, so that nobody who does not ask pays for it. */
export type GaugeSource = () => Promise<readonly Gauge[]>;
