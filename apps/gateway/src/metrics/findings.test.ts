import { describe, expect, it } from '@jest/globals'
import type { MeshStatus, ResourceFinding } from '@weft/mesh-model'
import { renderFindingMetrics } from './findings.ts'

const finding = (reason: string, severity: ResourceFinding['severity'] = 'warning'): ResourceFinding => ({
  resource: { group: 'networking.istio.io', kind: 'Gateway', name: 'web' },
  severity,
  reason,
  message: 'why',
})

describe('what the mesh has to say, as a metric', () => {
  it('is counted by severity and reason', async () => {
    const findings = [finding('CredentialKept'), finding('CredentialKept'), finding('HostNotFound'), finding('PolicyBroken', 'error')]
    const status: MeshStatus = { snapshotVersion: 1, trustDomain: 'cluster.local', path: 'encrypted', proxies: [], findings, certificateWarnings: [] }
    const text = await renderFindingMetrics({ status: () => Promise.resolve(status) })
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'weft_mesh_findings{severity="warning",reason="CredentialKept"} 2',
      'weft_mesh_findings{severity="warning",reason="HostNotFound"} 1',
      'weft_mesh_findings{severity="error",reason="PolicyBroken"} 1',
    ])
  })
})
