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
  /** For a name of a host, good from and until these times. */
  issueWithin(from: Date, until: Date, host: string): Pem
  /** A list of revoked certificates (PEM). */
  revoke(...certificates: readonly string[]): string
}

/** Makes a root (P-256) with its files in `directory`. */
export function testAuthority(directory: string): TestAuthority {
  mkdirSync(directory, { recursive: true })
  const path = (name: string) => join(directory, name)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const key = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', name)
  key('ca.key')
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/O=cluster.local')
  // For what `openssl x509` cannot do: chosen dates, and revocation.
  writeFileSync(path('index.txt'), '')
  writeFileSync(path('ca.cnf'), CA_CONFIG)
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
  const issueWithin = (from: Date, until: Date, host: string): Pem => {
    serial += 1
    const name = `leaf-${serial}`
    key(`${name}.key`)
    writeFileSync(path(`${name}.ext`), `subjectAltName=critical,DNS:${host}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    openssl('req', '-new', '-key', `${name}.key`, '-out', `${name}.csr`, '-subj', '/O=weft')
    const dates = ['-startdate', opensslDate(from), '-enddate', opensslDate(until)]
    openssl('ca', ...CA, '-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`, '-notext', ...dates)
    return { certificate: readFileSync(path(`${name}.pem`), 'utf8'), key: readFileSync(path(`${name}.key`), 'utf8') }
  }
  const revoke = (...certificates: readonly string[]): string => {
    for (const certificate of certificates) {
      writeFileSync(path('revoked.pem'), certificate)
      openssl('ca', ...CA, '-revoke', 'revoked.pem')
    }
    openssl('ca', ...CA, '-gencrl', '-crldays', '1', '-out', 'crl.pem')
    return readFileSync(path('crl.pem'), 'utf8')
  }
  return {
    issueWithin,
    revoke,
    root: readFileSync(path('ca.pem'), 'utf8'),
    issue: (spiffeId) => issue(`critical,URI:${spiffeId}`),
    issueFor: (...hosts) => issue(`critical,${hosts.map((host) => `DNS:${host}`).join(',')}`),
  }
}

const CA = ['-config', 'ca.cnf', '-batch']
const CA_CONFIG = `[ca]
default_ca=it
[it]
dir=.
database=index.txt
new_certs_dir=.
certificate=ca.pem
private_key=ca.key
rand_serial=yes
default_md=sha256
policy=any
unique_subject=no
copy_extensions=none
[any]
organizationName=optional
`

/** As `openssl ca` reads dates. */
function opensslDate(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`
}
