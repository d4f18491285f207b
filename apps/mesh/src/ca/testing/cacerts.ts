import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An authority in files, made by the openssl program: not our own code. */
export interface TestCa {
  readonly name: string
  readonly certificate: string
  readonly key: string
}

/** How a test's authority is made. */
export interface TestCaOptions {
  /** Absent: it is a root. */
  readonly issuer?: TestCa
  /** Arguments of `openssl genpkey`. */
  readonly key?: readonly string[]
  /** Lines of the extension section; default those of an authority. */
  readonly extensions?: readonly string[]
  readonly days?: number
}

const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash']

/** Makes authorities with their files in `directory`. */
export class CaMaker {
  readonly #directory: string

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true })
    this.#directory = directory
  }

  make(name: string, { issuer, key = P256, extensions = AUTHORITY, days = 365 }: TestCaOptions = {}): TestCa {
    const path = (suffix: string) => join(this.#directory, `${name}.${suffix}`)
    const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
    openssl('genpkey', ...key, '-out', path('key'))
    writeFileSync(path('ext'), `${extensions.join('\n')}\n`)
    openssl('req', '-new', '-key', path('key'), '-subj', `/O=Test/CN=${name}`, '-out', path('csr'))
    const signer = issuer === undefined ? ['-signkey', path('key')] : ['-CA', this.#file(issuer, 'pem'), '-CAkey', this.#file(issuer, 'key')]
    openssl(
      'x509',
      '-req',
      '-in',
      path('csr'),
      ...signer,
      '-days',
      String(days),
      '-set_serial',
      `0x${Buffer.from(name).toString('hex')}`,
      '-extfile',
      path('ext'),
      '-out',
      path('pem'),
    )
    return { name, certificate: readFileSync(path('pem'), 'utf8'), key: readFileSync(path('key'), 'utf8') }
  }

  #file({ name }: TestCa, suffix: string): string {
    return join(this.#directory, `${name}.${suffix}`)
  }
}

/** Writes what Istio calls `cacerts`; `undefined`: the file is not there. */
export function writeCacerts(
  directory: string,
  files: { readonly certificate: string; readonly key: string; readonly chain?: string; readonly roots?: string },
): void {
  mkdirSync(directory, { recursive: true })
  const write = (name: string, text: string | undefined) => {
    if (text !== undefined) writeFileSync(join(directory, name), text)
  }
  write('ca-cert.pem', files.certificate)
  write('ca-key.pem', files.key)
  write('cert-chain.pem', files.chain)
  write('root-cert.pem', files.roots)
  chmodSync(join(directory, 'ca-key.pem'), 0o600)
}
