import type { ClientTls, TrafficPolicy } from '@weft/api'
import type { ExternalTls } from '../external.ts'
import type { OutsideSettings } from './models.ts'
import type { Place } from './route-actions.ts'
import { readTrafficPolicy } from './traffic-policy.ts'

/** The parts of a `trafficPolicy` that are for hosts outside: TLS, and what holds for single ports. */
export function readOutside(policy: TrafficPolicy | undefined, namespace: string, place: Place): OutsideSettings {
  const ports = (policy?.portLevelSettings ?? []).map((settings, index) => {
    const traffic = readTrafficPolicy(settings, { ...place, at: `${place.at}.portLevelSettings[${index}]` })
    return { port: settings.port.number, ...(traffic === undefined ? {} : { traffic }), ...readTls(settings.tls, namespace) }
  })
  return { ...readTls(policy?.tls, namespace), ...(ports.length === 0 ? {} : { ports }) }
}

const MODES = { DISABLE: 'disable', SIMPLE: 'simple', MUTUAL: 'mutual', ISTIO_MUTUAL: 'mesh' } as const

function readTls(tls: ClientTls | undefined, namespace: string): { readonly tls?: ExternalTls } {
  if (tls === undefined) return {}
  const { mode = 'DISABLE', sni, subjectAltNames, credentialName, caCertificates, insecureSkipVerify } = tls
  return {
    tls: {
      mode: MODES[mode],
      ...(sni === undefined ? {} : { sni }),
      ...(subjectAltNames === undefined || subjectAltNames.length === 0 ? {} : { subjectAltNames }),
      ...(credentialName === undefined ? {} : { credential: `${namespace}/${credentialName}` }),
      ...(caCertificates === undefined || caCertificates === 'system' ? {} : { roots: caCertificates }),
      ...(insecureSkipVerify === true ? { unverified: true } : {}),
    },
  }
}
