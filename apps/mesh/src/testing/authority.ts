import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { spiffeId } from '@weft/core'
import type { CertificateSource } from '../plane/ports.ts'

const run = promisify(execFile)

/** A certificate authority for tests of the other parts, by the openssl program: one root, certificates on request, all new on `rotateNow`. */
export async function testAuthority(trustDomain: string): Promise<CertificateSource> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-ca-'))
  const file = (name: string) => join(directory, name)
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-config', file('config')]
  await writeFile(file('config'), '[req]\ndistinguished_name=dn\nprompt=no\n[dn]\n')
  await run('openssl', [...request, '-subj', '/CN=test root', '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', file('root.key'), '-out', file('root.pem')])
  const root = await readFile(file('root.pem'), 'utf8')
  const issued = new Map<string, Promise<{ certificateChain: string; privateKey: string }>>()
  const certificates = new Map<string, X509Certificate>()
  const listeners: (() => void)[] = []
  let count = 0
  const make = async (identity: string) => {
    count += 1
    const [key, certificate] = [file(`${count}.key`), file(`${count}.pem`)]
    const extensions = ['basicConstraints=critical,CA:FALSE', `subjectAltName=critical,URI:${identity}`, 'extendedKeyUsage=serverAuth,clientAuth']
    const signed = ['-CA', file('root.pem'), '-CAkey', file('root.key'), '-keyout', key, '-out', certificate]
    await run('openssl', [...request, '-subj', '/', ...extensions.flatMap((extension) => ['-addext', extension]), ...signed])
    const certificateChain = await readFile(certificate, 'utf8')
    certificates.set(identity, new X509Certificate(certificateChain))
    return { certificateChain, privateKey: await readFile(key, 'utf8') }
  }
  return {
    issue(account) {
      const identity = spiffeId({ trustDomain, ...account })
      const promise = issued.get(identity) ?? make(identity)
      issued.set(identity, promise)
      return promise
    },
    bundle: () => root,
    certificates: () =>
      [...certificates].map(([identity, { serialNumber, validFromDate, validToDate }]) => ({
        identity,
        serial: serialNumber,
        notBefore: validFromDate.toISOString(),
        notAfter: validToDate.toISOString(),
      })),
    onRotated: (listener) => void listeners.push(listener),
    rotateNow: async () => {
      issued.clear()
      for (const listener of listeners) listener()
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}
