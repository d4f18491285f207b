/** One panel: a title and its queries with their legends. */
export interface Panel {
  readonly title: string
  /** Grafana's name of a unit. */
  readonly unit: string
  readonly queries: readonly (readonly [expr: string, legend: string])[]
  readonly description?: string
}

/** One page of Grafana. */
export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** Variables: name and the query that gives their values. */
  readonly variables: readonly (readonly [name: string, query: string])[]
  readonly panels: readonly Panel[]
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }
const WIDTH = 12
const HEIGHT = 8
/** Grafana 10. */
const SCHEMA_VERSION = 38

function panel({ title, unit, queries, description }: Panel, index: number): object {
  return {
    id: index + 1,
    type: 'timeseries',
    title,
    ...(description === undefined ? {} : { description }),
    datasource: DATASOURCE,
    gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 5, showPoints: 'never' } }, overrides: [] },
    options: { legend: { displayMode: 'table', placement: 'bottom', calcs: ['mean', 'max'] }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(([expr, legendFormat], query) => ({ refId: String.fromCodePoint(65 + query), datasource: DATASOURCE, expr, legendFormat })),
  }
}

function variable([name, query]: readonly [string, string]): object {
  return {
    name,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    refresh: 2,
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { selected: true, text: ['All'], value: ['$__all'] },
    sort: 1,
  }
}

/** The JSON that Grafana imports. */
export function grafana({ uid, title, description, variables, panels }: Dashboard): object {
  const datasource = { name: 'datasource', type: 'datasource', query: 'prometheus', current: {}, hide: 0 }
  return {
    uid,
    title,
    description,
    tags: ['weft'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    timezone: 'browser',
    time: { from: 'now-30m', to: 'now' },
    refresh: '10s',
    templating: { list: [datasource, ...variables.map(variable)] },
    panels: panels.map(panel),
  }
}
