// The last values as a small chart. The figure beside it says the same in words, so it is hidden from screen readers.

interface Props {
  values: readonly number[];
  /** The value at the top edge; default: the greatest one. */
  top?: number;
  /** How many values fill the width. */
  width?: number;
}

const HEIGHT = 32;

export function Sparkline({ values, top = 0, width = 60 }: Props) {
  const highest = Math.max(top, ...values, 1e-9);
  const shown = values.slice(-width);
  // The newest value is at the right edge, also while there are few.
  const start = width - shown.length;
  const points = shown.map((value, i) => `${start + i},${(HEIGHT - 1 - (value / highest) * (HEIGHT - 3)).toFixed(1)}`);
  const line = points.join(" ");
  return (
    <svg className="sparkline" viewBox={`0 0 ${width - 1} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {points.length > 1 && (
        <>
          <polygon points={`${start},${HEIGHT} ${line} ${width - 1},${HEIGHT}`} />
          <polyline points={line} vectorEffect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
