import type { CertificateAuthority } from '../ca/index.ts'

/** Issues certificates; a key leaves it only for the proxy that serves the identity, and for our own prober. */
export type CertificateSource = Pick<
  CertificateAuthority,
  'issue' | 'bundle' | 'certificates' | 'onRotated' | 'rotateNow' | 'pending' | 'announce' | 'promote' | 'close'
>
