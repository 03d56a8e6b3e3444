/*
 * Metrics of the path of an event. prom-client checks the labels and makes a string of them at every
 * observation, bound or not; here a series is an object that is looked up once, counting is an
 * addition, and labels are written when somebody reads the metrics. metrics.ts declares the families.
 */

/** The labels of a series, by their names. */
export type Labels = Readonly<Record<string, string>>;

/** One line of a family, as prom-client's registry writes it. */
interface Sample {
  metricName: string;
  labels: Labels | { le: number | string };
  sharedLabels?: Labels;
  value: number;
}

interface Series {
  samples(name: string, labels: Labels): Sample[];
}

/** A count that only grows. */
export class CounterSeries implements Series {
  value = 0;

  inc(): void {
    this.value += 1;
  }

  samples(metricName: string, labels: Labels): Sample[] {
    return [{ metricName, labels, value: this.value }];
  }
}

/** A distribution: how many values there were up to each bound, and their sum. */
export class HistogramSeries implements Series {
  readonly #bounds: readonly number[];
  /** How many were up to each bound and above the one before it, and last those above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    // Infinity stands for the last one.
    while (value > (this.#bounds[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string, sharedLabels: Labels): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((each, bucket) => {
      count += each;
      const le = this.#bounds[bucket] ?? "+Inf";
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }
}

/** All series of a metric; in a registry of prom-client it is one like any other. */
export class Family<S extends Series, L extends string> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "histogram";
  readonly #make: () => S;
  readonly #series = new Map<string, { labels: Labels; series: S }>();

  constructor(options: {
    name: string;
    help: string;
    type: "counter" | "histogram";
    make: () => S;
  }) {
    this.name = options.name;
    this.help = options.help;
    this.type = options.type;
    this.#make = options.make;
  }

  /** Finds the series with these labels, or makes it. To be called once, and not for every event. */
  of(labels: Readonly<Record<L, string>>): S {
    const key = keyOf(labels);
    let known = this.#series.get(key);
    if (known === undefined) {
      known = { labels, series: this.#make() };
      this.#series.set(key, known);
    }
    return known.series;
  }

  /** Takes away the series with these labels; whoever still counts with it counts for nobody. */
  remove(labels: Readonly<Record<L, string>>): void {
    this.#series.delete(keyOf(labels));
  }

  /** Is what a registry asks for. */
  async get() {
    const { name, help, type } = this;
    // Labels that are shared and those of one line are told apart by prom-client's text only.
    const values = this.getForPromString().values.map(({ sharedLabels, ...sample }) => ({
      ...sample,
      labels: { ...sharedLabels, ...sample.labels },
    }));
    return { name, help, type, aggregator: "sum" as const, values };
  }

  /** The same for its text, with labels left apart. */
  getForPromString() {
    const { name, help, type } = this;
    const all = [...this.#series.values()];
    const values = all.flatMap(({ labels, series }) => series.samples(name, labels));
    return { name, help, type, aggregator: "sum" as const, values };
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(
    Object.keys(labels)
      .sort()
      .map((name) => [name, labels[name]]),
  );
}
