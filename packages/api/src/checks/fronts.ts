import { isDnsLabel } from '@weft/core'
import type { IngressSpec } from '../fronts/ingress.ts'
import type { FunctionIngressSpec, HttpTriggerSpec } from '../fronts/triggers.ts'
import { child, shown, type Violation } from '../violation.ts'
import { isHostPattern } from './metadata.ts'

/** Names of loopback belong to the platform: a front has no business there. */
const OWN_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1'])

/** What the schema of an Ingress cannot say. */
export function checkIngress({ rules = [], tls = [], defaultBackend }: IngressSpec): readonly Violation[] {
  const backend = ({ name }: { readonly name: string }, field: string) =>
    isDnsLabel(name) ? [] : [{ field: `${field}.service.name`, reason: `must be a DNS-1123 label, and is ${shown(name)}` }]
  return [
    ...(rules.length === 0 && defaultBackend === undefined ? [{ field: 'spec.rules', reason: 'has no rules, and there is no defaultBackend' }] : []),
    ...(defaultBackend === undefined ? [] : backend(defaultBackend.service, 'spec.defaultBackend')),
    ...rules.flatMap(({ host, http }, index) => {
      const at = child('spec.rules', index)
      const paths = (http?.paths ?? []).flatMap((path, number) => {
        const place = child(`${at}.http.paths`, number)
        return [...backend(path.backend.service, `${place}.backend`), ...checkPath(path.path ?? '/', `${place}.path`)]
      })
      return [...(host === undefined || host === '' ? [] : checkName(host, `${at}.host`)), ...paths]
    }),
    ...tls.flatMap(({ hosts = [] }, index) => hosts.flatMap((host, number) => checkName(host, child(`${child('spec.tls', index)}.hosts`, number)))),
  ]
}

/** What the schema of an HTTPTrigger cannot say. */
export function checkHttpTrigger(spec: HttpTriggerSpec): readonly Violation[] {
  return [
    ...checkWholeName(spec['host-name'], 'spec.host-name'),
    ...checkFunctionName(spec['function-name'], 'spec.function-name'),
    ...(spec.path === undefined || spec.path === '' ? [] : checkPath(spec.path.startsWith('/') ? spec.path : `/${spec.path}`, 'spec.path')),
    ...(spec.tls === true && (spec['tls-secret'] ?? '') === ''
      ? [{ field: 'spec.tls', reason: 'needs tls-secret: certificates by ACME are not issued here' }]
      : []),
  ]
}

/** What the schema of a FunctionIngress cannot say. */
export function checkFunctionIngress(spec: FunctionIngressSpec): readonly Violation[] {
  return [
    ...checkWholeName(spec.domain, 'spec.domain'),
    ...checkFunctionName(spec.function, 'spec.function'),
    ...(spec.path === undefined || spec.path === '' ? [] : checkPath(spec.path.replace(/\(\.\*\)$/, ''), 'spec.path')),
  ]
}

function checkFunctionName(name: string, field: string): readonly Violation[] {
  return isDnsLabel(name) ? [] : [{ field, reason: `must be a DNS-1123 label, and is ${shown(name)}` }]
}

function checkName(host: string, field: string): readonly Violation[] {
  if (host === '*' || !isHostPattern(host)) return [{ field, reason: `must be a DNS name in lower case, or *. before one, and is ${shown(host)}` }]
  return OWN_NAMES.has(host) ? [{ field, reason: `${host} belongs to the platform` }] : []
}

function checkWholeName(host: string, field: string): readonly Violation[] {
  return host.includes('*') ? [{ field, reason: 'must be a whole DNS name, without a star' }] : checkName(host, field)
}

/** A path in its one form: what the proxy would resolve or refuse could mean another one. */
function checkPath(path: string, field: string): readonly Violation[] {
  const good = /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/.test(path) && !path.includes('//') && path.split('/').every((part) => part !== '.' && part !== '..')
  if (good && !/[()*]/.test(path)) return []
  return [{ field, reason: `must be a plain path such as /shop, without "..", "//", escapes and patterns, and is ${shown(path)}` }]
}
