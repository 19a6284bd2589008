import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { dashboardFiles } from './dashboards/files.js'

/** `npm run dashboards`: writes what Grafana provisions to infra/grafana/dashboards. */
for (const [name, text] of Object.entries(dashboardFiles())) {
  const file = join(repositoryRoot(), name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  console.error(`dashboards: wrote ${file}`)
}
