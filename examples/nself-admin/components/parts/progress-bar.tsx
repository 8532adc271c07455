// How far something is, as a bar and a figure.

interface Props {
  label: string;
  value: number;
  status: string;
}

export function ProgressBar({ label, value, status }: Props) {
  return (
    <div className="progress" data-status={status}>
      <progress max={100} value={value} aria-label={label} />
      <span>{Math.round(value)} %</span>
    </div>
  );
}
