import { Gauge, Registry } from 'prom-client'
import type { MeshPlane } from '@weft/mesh-model'
import { METRICS } from './names.ts'

const NAME = 'weft_mesh_findings'

/** How many findings the mesh has, by severity and reason. */
export async function renderFindingMetrics(mesh: Pick<MeshPlane, 'status'>): Promise<string> {
  const registry = new Registry()
  const gauge = new Gauge({ name: NAME, help: METRICS[NAME].help, labelNames: ['severity', 'reason'], registers: [registry] })
  for (const { severity, reason } of (await mesh.status()).findings) gauge.inc({ severity, reason })
  return registry.metrics()
}
