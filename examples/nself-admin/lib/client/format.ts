// Figures as texts.

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** Such as "12.3 MB". */
export function bytes(value: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const scaled = value / 1000 ** power;
  return `${scaled.toFixed(power === 0 || scaled >= 100 ? 0 : 1)} ${UNITS[power]}`;
}

/** Such as "3.4 %". */
export function percent(value: number): string {
  return `${value.toFixed(value >= 10 ? 0 : 1)} %`;
}

/** Such as "1.2 s" or "340 ms". */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
