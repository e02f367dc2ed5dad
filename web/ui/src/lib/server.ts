/** What the page asks the server for, apart from the live stream. */

import type { Apps } from './apps'
import type { LogLine } from './lines'

const TIMEOUT_MS = 15_000

/** The server has answered, and said no. */
export class Refused extends Error {}

export interface Readiness {
  problems: string[]
  warnings: string[]
}

export async function allApps(): Promise<Apps> {
  return await json<Apps>('/api/v1/apps')
}

/** Oldest first. */
export async function storedLines(app: string, query: Record<string, string>): Promise<LogLine[]> {
  const path = app ? `/api/v1/apps/${encodeURIComponent(app)}/logs` : '/api/v1/logs'
  const answer = await json<{ lines: LogLine[] }>(`${path}?${new URLSearchParams(query)}`)
  return answer.lines
}

/** Sentences about what is wrong with deployd itself, or will be; the answer is 503 when there are problems. */
export async function readiness(): Promise<Readiness> {
  const response = await fetch('/readyz', { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const answer = (await response.json()) as Partial<Record<keyof Readiness, unknown>> | null
  return { problems: sentences(answer?.problems), warnings: sentences(answer?.warnings) }
}

function sentences(found: unknown): string[] {
  return Array.isArray(found) ? [...new Set(found.map(String))] : []
}

/** Rejects as Refused with the sentence of the server's problem+json when there is one. */
async function json<T>(path: string): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (response.ok) return (await response.json()) as T
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null
  throw new Refused(problem?.detail ?? `The server answered ${response.status} ${response.statusText}.`)
}
