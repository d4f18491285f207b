import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DASHBOARDS } from './dashboards/pages.ts'
import { grafana } from './dashboards/panels.ts'

/** Writes `deploy/observability/dashboards`: `npm run dashboards`. */
const directory = fileURLToPath(new URL('../deploy/observability/dashboards', import.meta.url))
for (const [name, dashboard] of Object.entries(DASHBOARDS)) writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(grafana(dashboard), null, 2)}\n`)
