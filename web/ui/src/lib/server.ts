/** What the page asks the server for, apart from the live stream. */

import type { LogLine } from './lines'

const TIMEOUT_MS = 15_000

export async function appNames(): Promise<string[]> {
  const answer = await json<{ apps: { name: string }[] }>('/api/v1/apps')
  return answer.apps.map((app) => app.name)
}

/** Oldest first. */
export async function storedLines(app: string, query: Record<string, string>): Promise<LogLine[]> {
  const path = app ? `/api/v1/apps/${encodeURIComponent(app)}/logs` : '/api/v1/logs'
  const answer = await json<{ lines: LogLine[] }>(`${path}?${new URLSearchParams(query)}`)
  return answer.lines
}

/** Sentences about what is wrong with deployd itself; the answer is 503 when there are any. */
export async function problems(): Promise<string[]> {
  const response = await fetch('/readyz', { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const answer: unknown = await response.json()
  const found = (answer as { problems?: unknown } | null)?.problems
  return Array.isArray(found) ? found.map(String) : []
}

/** Rejects with the sentence of the server's problem+json when there is one. */
async function json<T>(path: string): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (response.ok) return (await response.json()) as T
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null
  throw new Error(problem?.detail ?? `The server answered ${response.status} ${response.statusText}.`)
}
