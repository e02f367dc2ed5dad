/** The lines the page holds: the newest few thousand, each once, coming in at the pace the screen can take. */

import { Feed, type Connection } from './feed'
import { gapItem, lineItem, replaced, type Frame, type Gap, type Item, type Level, type LogLine } from './lines'
import { Refused, storedLines } from './server'

const KEPT = 5_000
const HISTORY = 500
const LOADED = 1_000
const BETWEEN_PAINTS_MS = 80
/** Painting takes at most this share of the time, so that the page stays usable in a flood. */
const PAINT_SHARE = 0.25

export class Tail {
  items: Item[] = $state.raw([])
  /** How many came since the page was opened; what grows while paused is "new". */
  arrived = $state(0)
  connection: Connection = $state('connecting')
  loading = $state(true)
  trouble = $state('')

  #app: string
  #query: Record<string, string>
  #waiting: Item[] = []
  #seen = new Map<string, number>()
  #last = ''
  #feed: Feed | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #pause = BETWEEN_PAINTS_MS
  #closed = false

  constructor(app: string, level: Level) {
    this.#app = app
    this.#query = level === 'debug' ? {} : { level }
    void this.#start()
  }

  close(): void {
    this.#closed = true
    this.#feed?.close()
    clearTimeout(this.#timer)
  }

  /** What stands in the place of a gap: its lines as far as they are still kept, and the rest of the gap. */
  async load(gap: Gap): Promise<Item[]> {
    const query = { ...this.#query, after: String(gap.first - 1), limit: String(Math.min(gap.count, LOADED)) }
    const lines = (await storedLines(gap.app, query)).filter((line) => line.seq <= gap.last)
    const found: Item[] = lines.map(lineItem)
    const end = lines.at(-1)
    if (end && lines.length < gap.count) {
      found.push(gapItem({ ...gap, first: end.seq + 1, count: gap.count - lines.length }))
    }
    this.items = replaced(this.items, gap, found)
    return found
  }

  async #start(): Promise<void> {
    for (let pause = 1_000; !this.#closed; pause = Math.min(15_000, pause * 2)) {
      try {
        const lines = await storedLines(this.#app, { ...this.#query, limit: String(HISTORY) })
        this.trouble = ''
        this.#take({ lines })
        break
      } catch (error) {
        this.trouble = error instanceof Error ? error.message : String(error)
        this.connection = 'lost'
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
    if (this.#closed) return
    this.#paint()
    this.loading = false
    this.arrived = 0
    this.#feed = new Feed(this.#app ? { ...this.#query, app: this.#app } : this.#query, {
      frame: (frame) => this.#take(frame),
      connection: (state) => this.#connected(state),
      place: () => this.#last || '0',
    })
  }

  #connected(state: Connection): void {
    this.connection = state
    if (state === 'live') this.trouble = ''
    else if (state === 'lost') void this.#askWhy()
  }

  /** A browser does not say why a stream was refused: the app may have been removed meanwhile. */
  async #askWhy(): Promise<void> {
    try {
      await storedLines(this.#app, { limit: '1' })
    } catch (error) {
      if (error instanceof Refused && this.connection !== 'live') this.trouble = error.message
    }
  }

  #take(frame: Frame): void {
    if ('gap' in frame) {
      this.#waiting.push(gapItem(frame.gap))
      this.#note(frame.gap.app, frame.gap.last)
    } else {
      for (const line of frame.lines) this.#takeLine(line)
    }
    if (this.#waiting.length > KEPT) this.#waiting = this.#waiting.slice(-KEPT)
    this.#timer ??= setTimeout(() => this.#paint(), this.#pause)
  }

  #takeLine(line: LogLine): void {
    if (line.seq <= (this.#seen.get(line.app) ?? 0)) return
    this.#waiting.push(lineItem(line))
    this.arrived++
    this.#note(line.app, line.seq)
  }

  #note(app: string, seq: number): void {
    this.#seen.set(app, seq)
    this.#last = this.#app ? String(seq) : `${app}:${seq}`
  }

  #paint(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#waiting.length) return
    this.items = [...this.items, ...this.#waiting].slice(-KEPT)
    this.#waiting = []
    const start = performance.now()
    // A timer set in a frame runs after the layout and the painting of that frame.
    requestAnimationFrame(() => setTimeout(() => this.#pace(performance.now() - start)))
  }

  #pace(costMs: number): void {
    this.#pause = Math.max(BETWEEN_PAINTS_MS, costMs / PAINT_SHARE - costMs)
  }
}
