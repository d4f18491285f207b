import { describe, expect, it } from '@jest/globals'
import type { CertificateStatus, RootRotation } from '@weft/mesh-model'
import { cli, testGateway } from '../testing/world.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1'
const validity = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-02-01T00:00:00Z' }
const certificates: readonly CertificateStatus[] = [
  { kind: 'root', identity: 'root', serial: 'AAAAAAAA11', state: 'signs', daysLeft: 3000, ...validity },
  { kind: 'root', identity: 'root', serial: 'BBBBBBBB22', state: 'retiring', trustedUntil: '2026-01-02T00:00:00Z', daysLeft: 20, ...validity },
  { kind: 'intermediate', identity: 'CN=x', serial: '3', daysLeft: 4, warning: 'it ends in 4 days', ...validity },
  { kind: 'leaf', identity: 'spiffe://x', serial: '4', daysLeft: 0, root: 'AAAAAAAA11', rotatesAt: '2026-01-15T00:00:00Z', ...validity },
]

describe('weft mesh certs', () => {
  it('shows what there is, who signed it, how long it is good and what to do', async () => {
    await using gateway = await testGateway({ [`GET ${BASE}/certs`]: [200, certificates] })
    const { out } = await cli(['mesh', 'certs'], { gateway })
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['KIND', 'IDENTITY', 'STATE', 'DAYS LEFT', 'NOT AFTER', 'ROTATES AT', 'ROOT', 'WARNING'],
      ['root', 'root', 'signs', '3000', validity.notAfter, '-', 'AAAAAAAA', '-'],
      ['root', 'root', 'retiring until 2026-01-02T00:00:00Z', '20', validity.notAfter, '-', 'BBBBBBBB', '-'],
      ['intermediate', 'CN=x', 'in use', '4', validity.notAfter, '-', '-', 'it ends in 4 days'],
      ['leaf', 'spiffe://x', 'in use', '0', validity.notAfter, '2026-01-15T00:00:00Z', 'AAAAAAAA', '-'],
      [''],
    ])
    expect(JSON.parse((await cli(['mesh', 'certs', '-o', 'json'], { gateway })).out)).toEqual(certificates)
  })
})

describe('weft mesh rotate-root', () => {
  it.each<[string, RootRotation, readonly RegExp[]]>([
    ['done', { phase: 'signs', root: 'C3', stragglers: [], oldTrustedUntil: 'then' }, [/new root C3 signs/, /old root is trusted until then/]],
    [
      'under way',
      { phase: 'announced', root: 'C3', stragglers: [{ proxy: 'node', reason: 'not connected' }] },
      [/C3 is announced/, /proxy node not connected/],
    ],
  ])('says how far it got: %s', async (_name, rotation, says) => {
    await using gateway = await testGateway({ [`POST ${BASE}/rotate-root`]: [200, rotation] })
    const { code, out } = await cli(['mesh', 'rotate-root'], { gateway })
    expect(code).toBe(0)
    for (const pattern of says) expect(out).toMatch(pattern)
  })

  it('says what to do where nothing was replaced', async () => {
    await using gateway = await testGateway({
      [`POST ${BASE}/rotate-root`]: [409, { error: { code: 'CA_UNCHANGED', message: 'the same', help: 'replace its files first' } }],
    })
    const { code, err } = await cli(['mesh', 'rotate-root'], { gateway })
    expect([code, err]).toEqual([2, expect.stringContaining('replace its files first')])
  })
})

describe('weft mesh status', () => {
  it('names certificates that are about to end', async () => {
    const status = { snapshotVersion: 1, trustDomain: 'x', path: 'encrypted', proxies: [], findings: [], certificateWarnings: ['root (1): it ends in 4 days'] }
    await using gateway = await testGateway({ [`GET ${BASE}/status`]: [200, status] })
    expect((await cli(['mesh', 'status'], { gateway })).out).toContain('Certificates:\n  root (1): it ends in 4 days\n')
  })
})
