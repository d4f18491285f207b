import { Gauge, Registry } from 'prom-client'
import type { CertificateStatus, MeshPlane } from '@weft/mesh-model'
import { METRICS } from './names.ts'

const NAME = 'weft_mesh_certificate_expiry_seconds'

/** How long the certificates of the mesh are still good, by kind; nothing when the mesh does not answer. A root that was replaced is left to end. */
export async function renderCertificateMetrics(mesh: Pick<MeshPlane, 'certificates'>, now: number): Promise<string> {
  const registry = new Registry()
  const gauge = new Gauge({ name: NAME, help: METRICS[NAME].help, labelNames: ['kind'], registers: [registry] })
  const certificates = (await mesh.certificates()).filter(({ state }) => state !== 'retiring')
  for (const [kind, seconds] of firstEnds(certificates, now)) gauge.set({ kind }, seconds)
  return registry.metrics()
}

function firstEnds(certificates: readonly CertificateStatus[], now: number): ReadonlyMap<CertificateStatus['kind'], number> {
  const ends = new Map<CertificateStatus['kind'], number>()
  for (const { kind, notAfter } of certificates) {
    const seconds = Math.floor((Date.parse(notAfter) - now) / 1000)
    ends.set(kind, Math.min(seconds, ends.get(kind) ?? seconds))
  }
  return ends
}
