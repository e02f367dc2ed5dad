/** The live stream: a WebSocket, or server-sent events where none gets through; comes back by itself after a loss. */

import type { Frame } from './lines'

export type Connection = 'connecting' | 'live' | 'lost'

export interface Listener {
  frame(frame: Frame): void
  connection(state: Connection): void
  /** Where to go on from: the last line seen. */
  place(): string
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
const SOCKET_FAILURES = 3

export class Feed {
  #query: Record<string, string>
  #listener: Listener
  #socket: WebSocket | undefined
  #events: EventSource | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #everLive = false
  #closed = false

  constructor(query: Record<string, string>, listener: Listener) {
    this.#query = query
    this.#listener = listener
    this.#open()
    addEventListener('online', this.#hurry)
  }

  close(): void {
    this.#closed = true
    this.#drop()
    removeEventListener('online', this.#hurry)
  }

  #open(): void {
    this.#listener.connection('connecting')
    if (this.#failures >= SOCKET_FAILURES && !this.#everLive) this.#openEvents()
    else this.#openSocket()
  }

  #openSocket(): void {
    const address = this.#address('/api/v1/logs/stream')
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = (this.#socket = new WebSocket(address))
    socket.onopen = () => {
      this.#everLive = true
      this.#live()
    }
    socket.onmessage = (message) => this.#take(message.data)
    socket.onclose = () => this.#lost()
  }

  /** The browser reconnects an event stream by itself, with Last-Event-ID; only a refused one is opened anew. */
  #openEvents(): void {
    const events = (this.#events = new EventSource(this.#address('/api/v1/logs/events')))
    events.onopen = () => this.#live()
    events.onmessage = (message) => this.#take(message.data)
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) this.#lost()
      else this.#listener.connection('lost')
    }
  }

  #address(path: string): URL {
    const address = new URL(path, location.href)
    for (const [name, value] of Object.entries(this.#query)) address.searchParams.set(name, value)
    const place = this.#listener.place()
    if (place) address.searchParams.set('after', place)
    return address
  }

  #take(text: string): void {
    this.#failures = 0
    this.#listener.frame(JSON.parse(text) as Frame)
  }

  #live(): void {
    this.#listener.connection('live')
  }

  #lost(): void {
    this.#drop()
    if (this.#closed) return
    this.#listener.connection('lost')
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures)
    this.#failures++
    // Not all pages at the same moment after a restart.
    this.#timer = setTimeout(() => this.#open(), pause * (0.5 + Math.random() / 2))
  }

  #drop(): void {
    clearTimeout(this.#timer)
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
      this.#socket.close()
    }
    this.#events?.close()
    this.#socket = this.#events = undefined
  }

  #hurry = (): void => {
    if (this.#socket?.readyState === WebSocket.OPEN) return
    this.#failures = 0
    this.#drop()
    this.#open()
  }
}
