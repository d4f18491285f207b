/** What is known of a built artifact beside its files. */
export interface ArtifactManifest {
  /** `sha256:…` over the sorted files (path, mode, content) and the fields below; the name of the artifact. */
  readonly digest: string
  readonly run: ArtifactRun
  /** Defaults that the template or catalogue brings (`fprocess`, environment). */
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly sizeBytes: number
  readonly fileCount: number
}

/** How an artifact wants to be run; a Function's template may override. */
export interface ArtifactRun {
  readonly runtime: string
  readonly contract: 'openfaas' | 'kubeless' | 'node-http' | 'fetch' | 'cloudevent' | 'grpc' | 'process'
  /** Entry file inside the artifact. */
  readonly entry?: string
  readonly export?: string
  /** Command line for `process`. */
  readonly command?: string
  readonly mode?: 'classic' | 'http' | 'streaming' | 'serializing' | 'static'
}

/** An artifact that is about to be stored: files below `directory`, links refused. */
export interface ArtifactInput {
  readonly directory: string
  readonly run: ArtifactRun
  readonly env?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
}

/** Keeps artifacts by digest, and the references (`image`) that point to them. Safe for several writers at once. */
export interface ArtifactStore {
  /** Stores (idempotent: same input, same digest) and, when given, points `reference` at it. */
  put(input: ArtifactInput, reference?: string): Promise<ArtifactManifest>
  /** By digest or reference. @returns `undefined` when there is none */
  get(digestOrReference: string): Promise<ArtifactManifest | undefined>
  has(digestOrReference: string): Promise<boolean>
  /** Directory with the files, read-only, readable by any user of the machine; stays until the artifact is pruned. @throws WeftError `ARTIFACT_NOT_FOUND` */
  open(digest: string): Promise<string>
  /** Points a reference at a digest. @throws WeftError `ARTIFACT_NOT_FOUND` */
  tag(reference: string, digest: string): Promise<void>
  /** All references, for lists. */
  references(): Promise<readonly { readonly reference: string; readonly digest: string }[]>
}
