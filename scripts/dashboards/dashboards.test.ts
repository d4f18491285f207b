import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { DASHBOARDS } from './pages.ts'
import { grafana } from './panels.ts'

const directory = fileURLToPath(new URL('../../deploy/observability/dashboards', import.meta.url))

describe('deploy/observability/dashboards', () => {
  it.each(Object.entries(DASHBOARDS))('%s.json is what `npm run dashboards` writes', (name, dashboard) => {
    expect(JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8'))).toEqual(JSON.parse(JSON.stringify(grafana(dashboard))))
  })

  it('has no other file', () => {
    expect(readdirSync(directory).toSorted()).toEqual(
      Object.keys(DASHBOARDS)
        .map((name) => `${name}.json`)
        .toSorted(),
    )
  })
})
