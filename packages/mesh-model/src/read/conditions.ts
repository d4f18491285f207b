import type { PolicyConditionSpec } from '@weft/api'
import type { PolicyCondition } from '../snapshot.ts'
import { pattern, readOperation, readSource, type Names } from './matches.ts'

type Spec = PolicyConditionSpec

/** The two lists of a condition under the names that a source or an operation has for them. */
function named<K extends string, N extends string>({ values, notValues }: Spec, key: K, notKey: N) {
  return { ...(values === undefined ? {} : { [key]: values }), ...(notValues === undefined ? {} : { [notKey]: notValues }) } as {
    readonly [P in K | N]?: string[]
  }
}

/** Keys that ask what a source or an operation can ask (https://istio.io/latest/docs/reference/config/security/conditions/). */
const SAME_AS: Readonly<Record<string, (spec: Spec, names: Names) => PolicyCondition>> = {
  'source.ip': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'ipBlocks', 'notIpBlocks'), names) }),
  'remote.ip': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'remoteIpBlocks', 'notRemoteIpBlocks'), names) }),
  'source.namespace': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'namespaces', 'notNamespaces'), names) }),
  'source.principal': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'principals', 'notPrincipals'), names) }),
  'request.auth.principal': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'requestPrincipals', 'notRequestPrincipals'), names) }),
  'request.auth.audiences': (spec, names) => ({ kind: 'claim', path: ['aud'], ...lists(spec, names) }),
  'request.auth.presenter': (spec, names) => ({ kind: 'claim', path: ['azp'], ...lists(spec, names) }),
  'source.serviceAccount': (spec, names) => ({ kind: 'source', source: readSource(named(spec, 'serviceAccounts', 'notServiceAccounts'), names) }),
  'destination.port': (spec, names) => {
    for (const text of [...(spec.values ?? []), ...(spec.notValues ?? [])]) if (!/^[1-9]\d{0,4}$/.test(text)) names.notes.push(`"${text}" is not a port`)
    return { kind: 'operation', operation: readOperation(named(spec, 'ports', 'notPorts'), names) }
  },
}

/** Reads one element of `when`. What cannot be read is noted, so that the policy is broken. */
export function readCondition(spec: Spec, names: Names): readonly PolicyCondition[] {
  const { key } = spec
  if (spec.values === undefined && spec.notValues === undefined) names.notes.push(`the condition on ${key} has neither values nor notValues`)
  const header = /^request\.headers\[([A-Za-z0-9!#$%&'*+.^_`|~-]+)\]$/.exec(key)?.[1]
  if (header !== undefined) return [{ kind: 'header', name: header.toLowerCase(), ...lists(spec, names) }]
  const claim = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1]
  if (claim !== undefined) return [{ kind: 'claim', path: claim.slice(1, -1).split(']['), ...lists(spec, names) }]
  const read = Object.hasOwn(SAME_AS, key) ? SAME_AS[key] : undefined
  if (read !== undefined) return [read(spec, names)]
  names.notes.push(`the condition key ${key} is not supported`)
  return []
}

function lists({ values, notValues }: Spec, names: Names) {
  return {
    ...(values === undefined ? {} : { values: values.map((value) => pattern(value, names)) }),
    ...(notValues === undefined ? {} : { notValues: notValues.map((value) => pattern(value, names)) }),
  }
}
