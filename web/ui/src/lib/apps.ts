/** What an app's visitors get at the moment, in words. */

export interface Canary {
  release: number
  percent: number
  header: string
  allow: string[]
}

export interface App {
  name: string
  maintenance: string | null
  canary: Canary | null
  /** Sentences about settings that are not as deployd.toml says. */
  drift: string[]
}

/** Behind the app's name in a list. */
export function mark(app: App): string {
  const marks = [app.maintenance && 'maintenance', app.canary && `canary v${app.canary.release}`].filter(Boolean)
  return marks.length ? ` · ${marks.join(', ')}` : ''
}

/** Sentences about one app, or about all. */
export function notices(apps: App[], chosen: string): string[] {
  return apps.filter((app) => !chosen || app.name === chosen).flatMap(about)
}

function about(app: App): string[] {
  const said = app.maintenance ? [`${app.name} is in maintenance; visitors read: ${app.maintenance}`] : []
  if (app.canary) said.push(`v${app.canary.release} of ${app.name} is a canary for ${visitors(app.canary)}.`)
  return [...said, ...app.drift.map((sentence) => `${app.name}: ${sentence}`)]
}

function visitors({ percent, header, allow }: Canary): string {
  const parts = [
    percent && `${percent} % of the visitors`,
    header && `requests with ${header}`,
    allow.length && `visitors from ${allow.join(', ')}`,
  ]
  return parts.filter(Boolean).join(', ')
}
