import { testAuthority } from '../testing/authority.ts'
import type { MeshSettings } from './options.ts'
import type { CertificateSource } from './ports.ts'

/** Opens the certificate authority of the settings' directory. */
export function openAuthority(settings: Pick<MeshSettings, 'authorityDirectory' | 'trustDomain'>): Promise<CertificateSource> {
  return testAuthority(settings.trustDomain)
}
