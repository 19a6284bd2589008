import type { Dashboard } from './dashboard.js'
import { grafanaJson } from './grafana-json.js'
import { liveViewers } from './live-viewers.js'
import { oneEvent } from './one-event.js'
import { pipeline } from './pipeline.js'
import { serviceLevels } from './service-levels.js'
import { stores } from './stores.js'

const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  'service-levels': serviceLevels,
  pipeline,
  'live-viewers': liveViewers,
  stores,
  'one-event': oneEvent,
}

/** What Grafana provisions, by the place of the file in the repository. */
export const dashboardFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(DASHBOARDS).map(([name, dashboard]) => [
      `infra/grafana/dashboards/${name}.json`,
      `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`,
    ]),
  )
