// A figure of everything that runs, stacked, over the last two minutes. The table below the charts says the same in numbers.

interface Series {
  id: string;
  /** Oldest first; the newest values of all series are of the same moment. */
  values: readonly number[];
  color: string;
}

interface Props {
  title: string;
  total: string;
  series: readonly Series[];
}

const WIDTH = 60;
const HEIGHT = 100;

export function StackedChart({ title, total, series }: Props) {
  const heights = Array.from({ length: WIDTH }, () => 0);
  const layers = series.map(({ id, values, color }) => {
    const below = [...heights];
    for (let i = 0; i < WIDTH; i++) heights[i] = (heights[i] ?? 0) + (values[values.length - WIDTH + i] ?? 0);
    return { id, color, below, above: [...heights] };
  });
  const highest = Math.max(...heights, 1e-9);
  const y = (value: number) => (HEIGHT - (value / highest) * (HEIGHT - 6)).toFixed(1);
  // Nothing is drawn for the time before the first sample.
  const begin = WIDTH - Math.min(WIDTH, Math.max(0, ...series.map(({ values }) => values.length)));
  const points = (values: number[]) => values.map((value, i) => `${i},${y(value)}`).slice(begin);
  return (
    <section className="card chart" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <p>{total}</p>
      </header>
      <svg viewBox={`0 0 ${WIDTH - 1} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {layers.map(({ id, color, below, above }) => (
          <g key={id} style={{ color }}>
            <polygon points={[...points(above), ...points(below).reverse()].join(" ")} />
            <polyline points={points(above).join(" ")} vectorEffect="non-scaling-stroke" />
          </g>
        ))}
      </svg>
      <footer aria-hidden="true">
        <span>2 minutes ago</span>
        <span>now</span>
      </footer>
    </section>
  );
}
