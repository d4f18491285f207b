import { describe, expect, it } from '@jest/globals'
import type { CertificateStatus } from '@weft/mesh-model'
import { renderCertificateMetrics } from './certificates.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const certificate = (kind: CertificateStatus['kind'], seconds: number, state?: CertificateStatus['state']): CertificateStatus => ({
  kind,
  identity: 'x',
  serial: '1',
  notBefore: '2025-01-01T00:00:00Z',
  notAfter: new Date(NOW + seconds * 1000).toISOString(),
  daysLeft: 0,
  ...(state === undefined ? {} : { state }),
})
const lines = async (...certificates: readonly CertificateStatus[]) =>
  (await renderCertificateMetrics({ certificates: () => Promise.resolve(certificates) }, NOW))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

describe('how long certificates are good, as a metric', () => {
  it('is the shortest time of each kind, however many there are', async () => {
    const leaves = Array.from({ length: 50 }, (_, index) => certificate('leaf', 100 + index))
    expect(await lines(certificate('root', 900, 'signs'), certificate('root', 5, 'retiring'), certificate('intermediate', -3), ...leaves)).toEqual([
      'weft_mesh_certificate_expiry_seconds{kind="root"} 900',
      'weft_mesh_certificate_expiry_seconds{kind="intermediate"} -3',
      'weft_mesh_certificate_expiry_seconds{kind="leaf"} 100',
    ])
  })

  it('has no value for a kind that there is none of', async () => {
    expect(await lines(certificate('root', 1))).toEqual(['weft_mesh_certificate_expiry_seconds{kind="root"} 1'])
  })
})
