import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key, PEM. */
export interface Pem {
  readonly certificate: string
  readonly key: string
}

/** A certificate authority for tests, made by the openssl program: not our own code. */
export interface TestAuthority {
  readonly root: string
  issue(spiffeId: string): Pem
  /** For names of hosts. */
  issueFor(...hosts: readonly string[]): Pem
}

/** Makes a root (P-256) with its files in `directory`. */
export function testAuthority(directory: string): TestAuthority {
  mkdirSync(directory, { recursive: true })
  const path = (name: string) => join(directory, name)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const key = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', name)
  key('ca.key')
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/O=cluster.local')
  let serial = 0
  const issue = (subjectAltName: string): Pem => {
    serial += 1
    const name = `leaf-${serial}`
    key(`${name}.key`)
    writeFileSync(path(`${name}.ext`), `subjectAltName=${subjectAltName}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    openssl('req', '-new', '-key', `${name}.key`, '-out', `${name}.csr`, '-subj', '/')
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-out', `${name}.pem`, '-days', '1', '-extfile', `${name}.ext`)
    return { certificate: readFileSync(path(`${name}.pem`), 'utf8'), key: readFileSync(path(`${name}.key`), 'utf8') }
  }
  return {
    root: readFileSync(path('ca.pem'), 'utf8'),
    issue: (spiffeId) => issue(`critical,URI:${spiffeId}`),
    issueFor: (...hosts) => issue(`critical,${hosts.map((host) => `DNS:${host}`).join(',')}`),
  }
}
