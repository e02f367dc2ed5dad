/** Terminal colours as data: text never becomes markup, and every other escape sequence is taken out. */

export interface Piece {
  text: string
  /** Class names: a1…a15 (colours), bold, dim, italic, underline. */
  names: string
  /** A colour of the 256 or the 16 million, which no class stands for. */
  color?: string
  background?: string
}

interface Pen {
  color: string
  background: string
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
  inverse: boolean
}

// CSI sequences; OSC (titles, links) up to BEL or ST; other two-character escapes; the control characters but tab.
const ESCAPES = /\x1b\[([0-9;:?<=>!]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f]/g
const PLAIN: Pen = {
  color: '',
  background: '',
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
}

/** Of a line that was written over, as progress bars are, what was written last. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let pen = PLAIN
  let from = 0
  let again = false
  const put = (part: string) => {
    if (again && part) {
      found.length = 0
      again = false
    }
    add(found, part, pen)
  }
  for (const match of text.matchAll(ESCAPES)) {
    put(text.slice(from, match.index))
    from = match.index + match[0].length
    if (match[2] === 'm') pen = turned(pen, match[1] ?? '')
    else if (match[0] === '\r' || (match[2] === 'G' && Number(match[1]) <= 1)) again = true
  }
  put(text.slice(from))
  return found
}

export function plain(text: string): string {
  const parts = pieces(text)
  return parts.length === 1 ? (parts[0]?.text ?? '') : parts.map((part) => part.text).join('')
}

function add(found: Piece[], text: string, pen: Pen): void {
  if (!text) return
  const [ink, paper] = pen.inverse ? [pen.background || 'paper', pen.color || 'ink'] : [pen.color, pen.background]
  const names = [
    named(ink) ? `a${ink}` : '',
    named(paper) ? `on${paper}` : '',
    pen.bold ? 'bold' : '',
    pen.dim ? 'dim' : '',
    pen.italic ? 'italic' : '',
    pen.underline ? 'underline' : '',
  ]
  const piece: Piece = { text, names: names.filter(Boolean).join(' ') }
  if (ink && !named(ink)) piece.color = ink
  if (paper && !named(paper)) piece.background = paper
  found.push(piece)
}

function named(color: string): boolean {
  return color !== '' && !color.startsWith('rgb')
}

function turned(pen: Pen, codes: string): Pen {
  const next = { ...pen }
  const numbers = codes.split(/[;:]/).map(Number)
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at] ?? 0
    if (code === 0) Object.assign(next, PLAIN)
    else if (code === 1) next.bold = true
    else if (code === 2) next.dim = true
    else if (code === 3) next.italic = true
    else if (code === 4) next.underline = true
    else if (code === 7) next.inverse = true
    else if (code === 22) next.bold = next.dim = false
    else if (code === 23) next.italic = false
    else if (code === 24) next.underline = false
    else if (code === 27) next.inverse = false
    else if (code >= 30 && code <= 37) next.color = String(code - 30)
    else if (code === 39) next.color = ''
    else if (code >= 40 && code <= 47) next.background = String(code - 40)
    else if (code === 49) next.background = ''
    else if (code >= 90 && code <= 97) next.color = String(code - 82)
    else if (code >= 100 && code <= 107) next.background = String(code - 92)
    else if (code === 38 || code === 48) {
      const [color, used] = extended(numbers.slice(at + 1))
      if (code === 38) next.color = color
      else next.background = color
      at += used
    }
  }
  return next
}

/** What follows 38 or 48: `5;N` or `2;R;G;B`. */
function extended(rest: number[]): [color: string, used: number] {
  const byte = (value: number | undefined) => Math.min(255, Math.max(0, value || 0))
  if (rest[0] === 5) return [indexed(byte(rest[1])), 2]
  if (rest[0] === 2) return [`rgb(${byte(rest[1])} ${byte(rest[2])} ${byte(rest[3])})`, 4]
  return ['', rest.length]
}

function indexed(index: number): string {
  if (index < 16) return String(index)
  if (index >= 232) return `rgb(${Array(3).fill(8 + (index - 232) * 10).join(' ')})`
  const step = (value: number) => (value % 6 === 0 ? 0 : 55 + (value % 6) * 40)
  const cube = index - 16
  return `rgb(${step(Math.floor(cube / 36))} ${step(Math.floor(cube / 6))} ${step(cube)})`
}
