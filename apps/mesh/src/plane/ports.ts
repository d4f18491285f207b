import type { CertificateStatus } from '@weft/mesh-model'
import type { Account, Certificate } from './certificates.ts'

/** Issues certificates; a key leaves it only for the proxy that serves the identity, and for our own prober. */
export interface CertificateSource {
  /** The certificate in force of a service account, issued when there is none. */
  issue(account: Account): Promise<Certificate>
  /** PEM of all roots that are to be trusted now. */
  bundle(): string
  certificates(): readonly CertificateStatus[]
  /** Told after certificates or roots were renewed. */
  onRotated(listener: () => void): void
  /** Issues all anew. */
  rotateNow(): Promise<void>
  close(): Promise<void>
}
