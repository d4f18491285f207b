import type { FunctionStatus, FunctionTemplate, RevisionSpec, RevisionStatus } from '@weft/api'
import type { Condition, Resource } from '@weft/core'

interface Column {
  readonly name: string
  readonly type: 'string' | 'integer'
  readonly priority?: number
  readonly read: (resource: Resource) => string | number
}

const template = (resource: Resource) => (resource.spec as { readonly template?: FunctionTemplate } | undefined)?.template
const functionStatus = (resource: Resource) => resource.status as FunctionStatus | undefined
const revision = (resource: Resource) => resource.spec as RevisionSpec
const revisionStatus = (resource: Resource) => resource.status as RevisionStatus | undefined
const ready = (conditions: readonly Condition[] | undefined) => conditions?.find((condition) => condition.type === 'Ready')?.status ?? 'Unknown'
const hosts = (resource: Resource) => ((resource.spec as { readonly hosts?: readonly string[] } | undefined)?.hosts ?? []).join(',')

const hostnames = (resource: Resource) => ((resource.spec as { readonly hostnames?: readonly string[] } | undefined)?.hostnames ?? []).join(',')

interface RouteStatus {
  readonly parents?: readonly { readonly conditions?: readonly Condition[] }[]
}

/** Whether every parent takes the route, and everything that it refers to is there. */
function routeState(resource: Resource): string {
  const conditions = ((resource.status as RouteStatus | undefined)?.parents ?? []).flatMap((parent) => parent.conditions ?? [])
  const bad = conditions.find((condition) => condition.status !== 'True')
  return conditions.length === 0 ? 'Unknown' : (bad?.reason ?? 'Accepted')
}

const routeColumns: readonly Column[] = [
  { name: 'Hostnames', type: 'string', read: hostnames },
  { name: 'State', type: 'string', read: routeState },
]

/** Columns between NAME and AGE, by `kind`. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Function: [
    { name: 'Ready', type: 'string', read: (resource) => ready(functionStatus(resource)?.conditions) },
    { name: 'Replicas', type: 'integer', read: (resource) => functionStatus(resource)?.replicas ?? 0 },
    { name: 'Available', type: 'integer', read: (resource) => functionStatus(resource)?.availableReplicas ?? 0 },
    {
      name: 'Traffic',
      type: 'string',
      read: (resource) => (functionStatus(resource)?.traffic ?? []).map((share) => `${share.revision}=${share.weight}`).join(' '),
    },
    { name: 'Image', type: 'string', priority: 1, read: (resource) => template(resource)?.image ?? template(resource)?.artifact ?? '' },
  ],
  Revision: [
    { name: 'Function', type: 'string', read: (resource) => revision(resource).function },
    { name: 'Revision', type: 'string', read: (resource) => revision(resource).revision },
    { name: 'Phase', type: 'string', read: (resource) => revisionStatus(resource)?.phase ?? 'Pending' },
    { name: 'Ready', type: 'integer', read: (resource) => revisionStatus(resource)?.readyReplicas ?? 0 },
  ],
  Secret: [{ name: 'Data', type: 'integer', read: (resource) => Object.keys((resource as Resource & { readonly data?: object }).data ?? {}).length }],
  HTTPRoute: routeColumns,
  GRPCRoute: routeColumns,
  ServiceEntry: [{ name: 'Hosts', type: 'string', read: hosts }],
  VirtualService: [{ name: 'Hosts', type: 'string', read: hosts }],
}

/** Whether a client prefers a Table, as kubectl does for people. */
export function wantsTable(accept: string | undefined): boolean {
  return accept !== undefined && /(^|,)\s*application\/json;\s*as=Table;\s*v=v1;\s*g=meta\.k8s\.io/i.test(accept)
}

/** Resources as a `meta.k8s.io/v1` Table: what `kubectl get` prints. `now` in milliseconds, for the age. */
export function tableOf(kind: string, items: readonly Resource[], metadata: object, now: number) {
  const columns = Object.hasOwn(COLUMNS, kind) ? (COLUMNS[kind] ?? []) : []
  const definitions = [{ name: 'Name', type: 'string' }, ...columns, { name: 'Age', type: 'string' }]
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: definitions.map((column) => ({
      name: column.name,
      type: column.type,
      format: column.name === 'Name' ? 'name' : '',
      description: '',
      priority: 'priority' in column ? (column.priority ?? 0) : 0,
    })),
    rows: items.map((item) => ({
      cells: [item.metadata.name, ...columns.map((column) => column.read(item)), age(item.metadata.creationTimestamp, now)],
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata },
    })),
  }
}

function age(created: string | undefined, now: number): string {
  const seconds = created === undefined ? Number.NaN : Math.max(0, Math.round((now - Date.parse(created)) / 1000))
  if (Number.isNaN(seconds)) return '<unknown>'
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}
