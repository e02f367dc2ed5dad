/** What an app's visitors get at the moment, in words. */

export interface Canary {
  release: number
  percent: number
  header: string
  allow: string[]
}

export interface App {
  name: string
  /** As `deployd help states` has it. */
  state: string
  /** The same in words, with the release or the reason. */
  serving: string
  maintenance: string | null
  canary: Canary | null
  /** The newest deployment. */
  latest: { state: string } | null
  /** Who has the last word about its settings. */
  owner: 'file' | 'api'
  /** Sentences about settings that are not as deployd.toml says. */
  drift: string[]
}

export interface Apps {
  apps: App[]
  /** By the name of an app whose rows cannot be read: why. */
  broken: Record<string, string>
}

const AS_MEANT = ['serving', 'routing']
const WENT_WRONG: Record<string, string> = {
  failed: 'failed',
  reverted: 'was taken back',
  interrupted: 'was interrupted',
}

/** Behind the app's name in a list. */
export function mark(app: App): string {
  const marks = [!AS_MEANT.includes(app.state) && app.state, app.canary && `canary v${app.canary.release}`].filter(Boolean)
  return marks.length ? ` · ${marks.join(', ')}` : ''
}

/** Sentences about one app, or about what is unusual of all, the worst first. */
export function notices({ apps, broken }: Apps, chosen: string): string[] {
  const said = Object.entries(broken)
    .filter(([name]) => !chosen || name === chosen)
    .map(([name, why]) => `${name} is broken: ${why}`)
  const wanted = apps.filter(({ name }) => !chosen || name === chosen)
  const about = [...wanted.filter(isDown), ...wanted.filter((app) => !isDown(app))]
  return [...said, ...about.flatMap((app) => [...(chosen ? whole(app) : unusual(app)), ...drift(app)])]
}

function isDown(app: App): boolean {
  return app.state === 'down'
}

function whole(app: App): string[] {
  const wrong = app.latest && WENT_WRONG[app.latest.state]
  const owner = app.owner === 'file' ? ' Its settings are those of deployd.toml.' : ''
  const said = [`${app.name}: ${app.serving}${wrong ? `; the last deployment ${wrong}` : ''}.${owner}`]
  return app.maintenance ? [...said, `${app.name}: visitors read: ${app.maintenance}`] : said
}

function unusual(app: App): string[] {
  const said = app.maintenance ? [`${app.name} is in maintenance; visitors read: ${app.maintenance}`] : []
  if (app.canary) said.push(`v${app.canary.release} of ${app.name} is a canary for ${visitors(app.canary)}.`)
  return isDown(app) ? [...said, `${app.name} is ${app.serving}.`] : said
}

function drift(app: App): string[] {
  return app.drift.map((sentence) => `${app.name}: ${sentence}`)
}

function visitors({ percent, header, allow }: Canary): string {
  const parts = [
    percent && `${percent} % of the visitors`,
    header && `requests with ${header}`,
    allow.length && `visitors from ${allow.join(', ')}`,
  ]
  return parts.filter(Boolean).join(', ')
}
