/** What the server sends, and what the list is made of. */

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

export interface LogLine {
  app: string
  seq: number
  time_ms: number
  level: Level
  source: 'build' | 'app' | 'proxy' | 'deployd'
  text: string
  process: string | null
  stream: string | null
  deployment: string | null
  release: number | null
}

export interface Gap {
  app: string
  first: number
  last: number
  count: number
}

export type Frame = { lines: LogLine[] } | { gap: Gap }

export type Item = { key: string; line: LogLine; gap?: undefined } | { key: string; gap: Gap; line?: undefined }

export function lineItem(line: LogLine): Item {
  return { key: `${line.app}:${line.seq}`, line }
}

export function gapItem(gap: Gap): Item {
  return { key: `gap:${gap.app}:${gap.first}`, gap }
}

export function replaced(items: Item[], gap: Gap, found: Item[]): Item[] {
  const key = gapItem(gap).key
  return items.flatMap((item) => (item.key === key ? found : [item]))
}
