/** A digest as artifacts are named by. */
const DIGEST = /^sha256:[0-9a-f]{64}$/
const DEFAULT_REGISTRIES = /^(?:index\.)?docker\.io\/(?:library\/)?/

/** Whether `text` is the name of an artifact rather than a reference. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text)
}

/** The digest that a pinned reference (`repo/name:tag@sha256:…`) carries, if it is one. */
export function pinnedDigest(reference: string): string | undefined {
  const digest = reference.slice(reference.lastIndexOf('@') + 1)
  return reference.includes('@') && isDigest(digest) ? digest : undefined
}

/**
 * One spelling for references that mean the same to a container engine: the default registry is left out and a missing tag is `latest`
 * (`docker.io/library/x` = `x` = `x:latest`).
 */
export function canonicalReference(reference: string): string {
  const short = reference.trim().replace(DEFAULT_REGISTRIES, '')
  const lastPart = short.slice(short.lastIndexOf('/') + 1)
  return lastPart.includes(':') || lastPart.includes('@') ? short : `${short}:latest`
}
