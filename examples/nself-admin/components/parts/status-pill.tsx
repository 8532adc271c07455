// A state as a word with a coloured dot.

interface Props {
  /** A service's state, or a build's. */
  status: string;
  children?: string;
}

export function StatusPill({ status, children = status }: Props) {
  return (
    <span className="pill" data-status={status}>
      {children}
    </span>
  );
}
