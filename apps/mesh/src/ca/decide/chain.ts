import type { CertificateFacts } from '../certificate-facts.ts'

/** What the check of a chain is told; the chain from the authority that signs leaves to its root, which is the last. */
export interface ChainCheck {
  readonly path: readonly Named[]
  readonly trustDomain: string
  readonly now: number
}

/** A certificate and where it stands. */
export interface Named extends Omit<CertificateFacts, 'certificate' | 'subject' | 'pem'> {
  readonly file: string
}

/** What is wrong, and in which file. */
export interface ChainProblem {
  readonly file: string
  readonly reason: string
}

/** Whether leaves of the trust domain can be signed by the first of the path and are trusted by whoever trusts the last. @returns the first problem */
export function chainProblem({ path, trustDomain, now }: ChainCheck): ChainProblem | undefined {
  for (const [below, certificate] of path.entries()) {
    const reason = ownProblem(certificate, now) ?? lengthProblem(certificate, below) ?? nameProblem(certificate, trustDomain)
    if (reason !== undefined) return { file: certificate.file, reason: `the certificate ${certificate.serial} ${reason}` }
  }
  return undefined
}

function ownProblem({ ca, signsCertificates, forServersAndClients, notBefore, notAfter }: Named, now: number): string | undefined {
  if (signsCertificates === false) return 'may not sign certificates (key usage without keyCertSign)'
  if (!ca) return 'is not of an authority (basic constraints without CA:TRUE)'
  if (forServersAndClients === false) return 'is not for servers and clients both (extended key usage)'
  if (notAfter <= now) return `has ended on ${new Date(notAfter).toISOString()}`
  return notBefore > now ? `begins only on ${new Date(notBefore).toISOString()}` : undefined
}

function lengthProblem({ pathLength }: Named, below: number): string | undefined {
  return pathLength !== undefined && pathLength < below ? `allows ${pathLength} authorities below it (path length), and there are ${below}` : undefined
}

function nameProblem({ permittedHosts, excludedHosts }: Named, trustDomain: string): string | undefined {
  const excluded = excludedHosts.find((host) => covers(host, trustDomain))
  if (excluded !== undefined) return `excludes the trust domain ${trustDomain} (name constraints: ${excluded})`
  if (permittedHosts.length === 0 || permittedHosts.some((host) => covers(host, trustDomain))) return undefined
  return `does not permit the trust domain ${trustDomain} (name constraints: ${permittedHosts.join(', ')})`
}

/** RFC 5280 §4.2.1.10 for URIs: a name stands for that host, one that begins with a dot for every host below it. */
function covers(constraint: string, host: string): boolean {
  const wanted = constraint.toLowerCase()
  return wanted.startsWith('.') ? host.endsWith(wanted) && host.length > wanted.length : host === wanted
}
