/** The certificate authority of the mesh: SPIFFE identities, short lives, roots that overlap. */
export { CertificateAuthority, openAuthority, type AuthorityOptions, type IssuedCertificate } from './authority.ts'
